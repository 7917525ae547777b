import assert from 'node:assert/strict';
import { test } from 'node:test';

import { ring, step, watch } from '../static/js/call.js';
import { MAX_ENTRIES, outcomeOf, parseEntries, record } from '../static/js/history.js';

/** @typedef {import('../static/js/history.js').Entry} Entry */

/**
 * @param {Partial<Entry>} [change]
 * @returns {Entry}
 */
function entry(change = {}) {
  return { call: 'c1', at: 1_000, name: 'Front door', label: 'Flat 2', outcome: 'missed', seconds: 0, ...change };
}

test('the newest is first and the oldest beyond fifty is dropped', () => {
  /** @type {Entry[]} */
  let list = [];
  for (let i = 0; i < MAX_ENTRIES + 5; i += 1) list = record(list, entry({ call: `c${i}`, at: i }));
  assert.equal(list.length, MAX_ENTRIES);
  assert.deepEqual([list[0]?.call, list.at(-1)?.call], [`c${MAX_ENTRIES + 4}`, 'c5']);
});

test('two pages of one browser keep one line for a call, the better one', () => {
  const answered = record(record([], entry({ outcome: 'elsewhere' })), entry({ outcome: 'answered', seconds: 9 }));
  assert.deepEqual(answered.map((line) => line.outcome), ['answered']);
  assert.deepEqual(record(answered, entry({ outcome: 'elsewhere' })), answered);
});

test('what storage gives back is not trusted', () => {
  assert.deepEqual(parseEntries(null), []);
  assert.deepEqual(parseEntries('{'), []);
  assert.deepEqual(parseEntries('{"a":1}'), []);
  assert.deepEqual(parseEntries(JSON.stringify([entry(), { call: 5 }, null, entry({ outcome: /** @type {any} */ ('toString') })])), [entry()]);
});

test('what became of a call is one word', () => {
  const rung = ring('c1', 'front', { id: 'call', label: 'Flat 2' }, null, 1_000).call;
  assert.equal(outcomeOf(step(rung, { type: 'ended', reason: 'ring_timeout' }).call), 'missed');
  assert.equal(outcomeOf(step(rung, { type: 'ended', reason: 'hung_up' }).call), 'missed');
  assert.equal(outcomeOf(step(rung, { type: 'ended', reason: 'answered_elsewhere' }).call), 'elsewhere');
  assert.equal(outcomeOf(step(rung, { type: 'decline' }).call), 'declined');
  const talking = step(step(rung, { type: 'accept' }).call, { type: 'accepted' }).call;
  assert.equal(outcomeOf(step(talking, { type: 'hang_up' }).call), 'answered');
  const asked = watch('front').call;
  assert.equal(outcomeOf(step(asked, { type: 'hang_up' }).call), null);
  const watching = step(asked, { type: 'offered', id: 'w', offer: 'o' }).call;
  assert.equal(outcomeOf(step(watching, { type: 'hang_up' }).call), 'watched');
});
