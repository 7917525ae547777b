import assert from 'node:assert/strict';
import { mock, test } from 'node:test';

import { Passing } from '../static/js/passing.js';
import { Redraw } from '../static/js/redraw.js';

/** @param {(it: {redraw: Redraw, drawn: () => number}) => void|Promise<void>} check */
async function withRedraw(check) {
  mock.timers.enable({ apis: ['setTimeout'] });
  let count = 0;
  try {
    await check({ redraw: new Redraw(() => {
      count += 1;
      return 1_000;
    }), drawn: () => count });
  } finally {
    mock.timers.reset();
  }
}

/** Whatever waits for a promise that has settled. */
async function settled() {
  for (let turn = 0; turn < 5; turn += 1) await Promise.resolve();
}

test('what changes in one turn is drawn once, in the next', () => withRedraw(({ redraw, drawn }) => {
  redraw.soon();
  redraw.soon();
  assert.equal(drawn(), 0);
  mock.timers.tick(0);
  assert.equal(drawn(), 1);
}));

test('it is drawn again when what is shown is no longer true', () => withRedraw(({ redraw, drawn }) => {
  redraw.now();
  mock.timers.tick(999);
  assert.equal(drawn(), 1);
  redraw.now();
  mock.timers.tick(999);
  assert.equal(drawn(), 2, 'counted from the last time');
  mock.timers.tick(2);
  assert.equal(drawn(), 3);
}));

test('an offer is answered before anything is drawn', () => withRedraw(async ({ redraw, drawn }) => {
  /** @type {(value?: unknown) => void} */
  let answer = () => undefined;
  redraw.after(new Promise((resolve) => {
    answer = resolve;
  }));
  redraw.soon();
  mock.timers.tick(10);
  assert.equal(drawn(), 0);
  answer();
  await settled();
  mock.timers.tick(0);
  assert.equal(drawn(), 1);
}));

test('an answer that takes long, or fails, holds up nothing', () => withRedraw(async ({ redraw, drawn }) => {
  redraw.after(new Promise(() => undefined));
  mock.timers.tick(60);
  await settled();
  mock.timers.tick(0);
  assert.equal(drawn(), 1);
  redraw.after(Promise.reject(new Error('no answer')));
  await settled();
  mock.timers.tick(0);
  assert.equal(drawn(), 2);
}));

test('what is told for a moment goes by itself, and anew with what is told next', () => {
  mock.timers.enable({ apis: ['setTimeout'] });
  let changes = 0;
  /** @type {Passing<string>} */
  const passing = new Passing(4_000, () => { changes += 1; });
  try {
    passing.clear();
    assert.equal(changes, 0);
    passing.set('one');
    mock.timers.tick(3_000);
    passing.set('two');
    mock.timers.tick(3_000);
    assert.deepEqual([passing.value, changes], ['two', 2]);
    mock.timers.tick(1_000);
    assert.deepEqual([passing.value, changes], [null, 3]);
    passing.set('three');
    passing.clear();
    mock.timers.tick(9_000);
    assert.deepEqual([passing.value, changes], [null, 5]);
  } finally {
    mock.timers.reset();
  }
});
