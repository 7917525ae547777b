import assert from 'node:assert/strict';
import { mock, test } from 'node:test';

import { ANSWER_MS, Doors, SHOW_MS } from '../static/js/doors.js';

/** @typedef {import('../types/messages').Request} Request */

/**
 * @param {(doors: Doors, sent: Request[]) => void} check
 * @param {boolean} [reachable]
 */
function withDoors(check, reachable = true) {
  mock.timers.enable({ apis: ['setTimeout'] });
  /** @type {Request[]} */
  const sent = [];
  try {
    check(new Doors((request) => {
      if (reachable) sent.push(request);
      return reachable;
    }, () => undefined), sent);
  } finally {
    mock.timers.reset();
  }
}

test('a door that opened is shown as long as its pulse', () => withDoors((doors, sent) => {
  doors.unlock('door');
  assert.deepEqual(sent, [{ type: 'unlock', request: 1, door: 'door' }]);
  assert.equal(doors.state('door').outcome, 'pending');
  doors.handleResult(1, 'door', { result: 'opened', pulse_ms: 9_000 });
  mock.timers.tick(8_999);
  assert.equal(doors.state('door').outcome, 'opened');
  mock.timers.tick(1);
  assert.equal(doors.state('door').outcome, '');
}));

test('a door is said to be open no longer than its pulse', () => withDoors((doors) => {
  doors.unlock('door');
  doors.handleResult(1, 'door', { result: 'opened', pulse_ms: 1_000 });
  mock.timers.tick(999);
  assert.deepEqual([doors.state('door').outcome, doors.state('door').pulsing], ['opened', true]);
  mock.timers.tick(1);
  assert.deepEqual([doors.state('door').outcome, doors.state('door').pulsing], ['opened', false]);
  mock.timers.tick(SHOW_MS - 1_000);
  assert.equal(doors.state('door').outcome, '');
}));

test('a second request waits for the first one', () => withDoors((doors, sent) => {
  doors.unlock('door');
  doors.unlock('door');
  assert.equal(sent.length, 1);
}));

test('silence is said, and a late result still counts', () => withDoors((doors) => {
  doors.unlock('door');
  mock.timers.tick(ANSWER_MS);
  assert.equal(doors.state('door').outcome, 'timeout');
  doors.handleResult(1, 'door', { result: 'opened', pulse_ms: 500 });
  assert.equal(doors.state('door').outcome, 'opened');
}));

test('a refusal keeps its reason and goes by itself', () => withDoors((doors) => {
  doors.unlock('door');
  doors.handleResult(1, 'door', { result: 'refused', reason: 'too_often' });
  assert.equal(doors.state('door').refusal, 'too_often');
  mock.timers.tick(SHOW_MS);
  assert.deepEqual([doors.state('door').outcome, doors.state('door').refusal], ['', null]);
}));

test('the result of another request is not this one\'s', () => withDoors((doors) => {
  doors.unlock('door');
  doors.handleResult(7, 'door', { result: 'opened', pulse_ms: 500 });
  assert.equal(doors.state('door').outcome, 'pending');
}));

test('without a way to the station it fails at once', () => withDoors((doors) => {
  doors.unlock('door');
  assert.equal(doors.state('door').outcome, 'failed');
}, false));

test('doors do not mix', () => withDoors((doors, sent) => {
  doors.unlock('door');
  doors.unlock('gate');
  doors.handleState('gate', true);
  assert.equal(sent.length, 2);
  assert.deepEqual([doors.state('door').open, doors.state('gate').open], [false, true]);
}));
