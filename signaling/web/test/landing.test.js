import assert from 'node:assert/strict';
import { test } from 'node:test';

import { firstTrusted, origins } from '../static/js/landing.js';

/** @type {import('../static/js/landing.js').About} */
const about = {
  fingerprint: 'AB:CD', words: 'lusab babad', until: 1_800_000_000, port: 443,
  vouches_for: ['localhost', 'doorway-7k3m', 'doorway-7k3m.local', '192.168.1.7', 'fd12::7'],
  hosts: ['doorway-7k3m.local', '192.168.1.7'],
};

test('who came by a name that the certificate has stays there', () => {
  assert.deepEqual(origins('doorway-7k3m', about),
    ['https://doorway-7k3m', 'https://doorway-7k3m.local', 'https://192.168.1.7']);
  assert.deepEqual(origins('doorway-7k3m.local', about), ['https://doorway-7k3m.local', 'https://192.168.1.7']);
  assert.deepEqual(origins('[fd12::7]', { ...about, port: 8443 })[0], 'https://[fd12::7]:8443');
});

test('a name that the certificate can not have leads to the lasting name, then to the address', () => {
  for (const host of ['doorway-7k3m.fritz.box', 'intercom', '10.0.0.9']) {
    assert.deepEqual(origins(host, about), ['https://doorway-7k3m.local', 'https://192.168.1.7'], host);
  }
});

test('the first that is trusted is taken, and none when none is', async () => {
  const candidates = ['https://a', 'https://b', 'https://c'];
  /** @type {string[]} */
  const asked = [];
  const only = (/** @type {string[]} */ ...trusted) => async (/** @type {string} */ origin) => {
    asked.push(origin);
    return trusted.includes(origin);
  };
  assert.equal(await firstTrusted(candidates, only('https://c', 'https://b')), 'https://b');
  assert.deepEqual(asked, candidates, 'all at once');
  assert.equal(await firstTrusted(candidates, only()), null);
  // One that never answers does not hold up one before it.
  const never = new Promise(() => {});
  assert.equal(await firstTrusted(candidates, (origin) => origin === 'https://a' ? Promise.resolve(true)
    : /** @type {Promise<boolean>} */ (never)), 'https://a');
});
