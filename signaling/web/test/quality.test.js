import assert from 'node:assert/strict';
import { test } from 'node:test';

import { between, grade, sample, Steady } from '../static/js/quality.js';

const CALM = { lossPct: 0, concealedPct: 0, framesPerSecond: 30, frozenPct: 0, rttMs: 8, width: 1280, height: 720 };

/** @param {object[]} entries */
function report(...entries) {
  return /** @type {RTCStatsReport} */ (/** @type {unknown} */ (entries));
}

test('a report becomes one sample of picture, sound and way', () => {
  const taken = sample(report(
    { type: 'inbound-rtp', kind: 'video', timestamp: 1_000, packetsReceived: 90, packetsLost: 10, framesDecoded: 30, frameWidth: 1280, frameHeight: 720, totalFreezesDuration: 0.5 },
    { type: 'inbound-rtp', kind: 'audio', timestamp: 1_000, packetsReceived: 50, packetsLost: -2, concealedSamples: 960, silentConcealedSamples: 480, totalSamplesReceived: 48_000 },
    { type: 'candidate-pair', nominated: true, state: 'succeeded', currentRoundTripTime: 0.004 },
    { type: 'candidate-pair', nominated: false, state: 'waiting', currentRoundTripTime: 9 },
  ));
  assert.deepEqual(taken, {
    atMs: 1_000, received: 140, lost: 10, concealed: 480, heard: 48_000, decoded: 30, frozenMs: 500, rttMs: 4, width: 1280, height: 720,
  });
});

test('an interval counts what happened in it, not before', () => {
  const start = { atMs: 0, received: 1_000, lost: 500, concealed: 100, heard: 10_000, decoded: 300, frozenMs: 0, rttMs: 5, width: 1, height: 1 };
  const interval = between(start, { ...start, atMs: 1_000, received: 1_095, lost: 505, heard: 58_000, concealed: 580, decoded: 325, frozenMs: 100 });
  assert.deepEqual(interval, { lossPct: 5, concealedPct: 1, framesPerSecond: 25, frozenPct: 10, rttMs: 5, width: 1, height: 1 });
});

test('an interval in which nothing came is not divided by nothing', () => {
  const start = { atMs: 0, received: 0, lost: 0, concealed: 0, heard: 0, decoded: 0, frozenMs: 0, rttMs: null, width: 0, height: 0 };
  assert.equal(grade(between(start, { ...start })), 'good');
});

test('what a person notices decides', () => {
  assert.equal(grade(CALM), 'good');
  assert.equal(grade({ ...CALM, lossPct: 5 }), 'fair');
  assert.equal(grade({ ...CALM, rttMs: 300 }), 'fair');
  assert.equal(grade({ ...CALM, concealedPct: 12 }), 'poor');
  assert.equal(grade({ ...CALM, frozenPct: 60 }), 'poor');
});

test('one bad second does not change the word, two do, and it recovers slower', () => {
  const steady = new Steady();
  assert.equal(steady.take('poor'), 'good');
  assert.equal(steady.take('good'), 'good');
  assert.equal(steady.take('poor'), 'good');
  assert.equal(steady.take('fair'), 'fair');
  assert.deepEqual([steady.take('good'), steady.take('good'), steady.take('good')], ['fair', 'fair', 'good']);
});
