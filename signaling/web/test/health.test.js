import assert from 'node:assert/strict';
import { test } from 'node:test';

import { faultLines } from '../static/js/screen/health.js';

const working = { state: /** @type {const} */ ('working') };
/** @type {import('../types/messages').Station} */
const STATION = {
  id: 'front', name: 'Front door', activity: 'idle', buttons: [{ id: 'call', label: 'Flat 3' }],
  doors: [{ id: 'door', label: 'House door' }], media: { camera: working, microphone: working, speaker: working },
};

test('a station\'s faults are said by their labels, with what to do', () => {
  assert.deepEqual(faultLines(STATION), []);
  const lines = faultLines({
    ...STATION, faults: [
      { fault: 'button_stuck', button: 'call' }, { fault: 'buttons_lost', reason: 'the chip is gone: plug it in' },
      { fault: 'relay_stuck', door: 'door' }, { fault: 'relay_stuck', door: 'gate' }, { fault: 'too_many_clients' },
    ],
  });
  assert.deepEqual(lines.map(({ text }) => text.replace(/\..*/, '')), [
    'The button “Flat 3” is stuck', 'The call buttons cannot be read', 'The relay of “House door” does not release',
    'The relay of “gate” does not release', 'More screens are open than can ring',
  ]);
  assert.equal(lines[1]?.detail, 'the chip is gone: plug it in');
  assert.ok(lines.every(({ detail, tone }) => detail !== undefined && tone === 'warn'));
});

test('a fault of a newer station is said, too', () => {
  const newer = /** @type {any} */ ({ ...STATION, faults: [{ fault: 'roof_leaks' }] });
  assert.equal(faultLines(newer).length, 1);
});
