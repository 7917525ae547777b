import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';

import { claim, claimState, problemOf, suggestSecret } from '../static/js/claim.js';

const { fetch } = globalThis;

afterEach(() => {
  globalThis.fetch = fetch;
});

/** @param {() => Response} answer */
function answering(answer) {
  /** @type {Request[]} */
  const asked = [];
  globalThis.fetch = async (path, options) => {
    asked.push(new Request(new URL(String(path), 'https://doorway-7k3m.local/'), options));
    return answer();
  };
  return asked;
}

test('a secret that is suggested is a good one, and another each time', () => {
  const secrets = Array.from({ length: 200 }, suggestSecret);
  assert.equal(new Set(secrets).size, secrets.length);
  for (const secret of secrets) {
    assert.match(secret, /^([a-hjkmnp-z2-9]{4}-){3}[a-hjkmnp-z2-9]{4}$/);
    assert.equal(problemOf('Front door', secret), null, secret);
  }
});

test('what the station would refuse is said before', () => {
  const good = 'correct horse battery';
  assert.equal(problemOf('Front door', good), null);
  assert.equal(problemOf('門', '前門的密碼很長而且不容易猜'), null);
  assert.equal(problemOf('  ', good), 'name');
  assert.equal(problemOf('x'.repeat(65), good), 'name');
  assert.equal(problemOf('Door', '   ten chars   '), 'secret_short');
  assert.equal(problemOf('Door', 'aaaaaaaaaaaaaaaa'), 'secret_simple');
  assert.equal(problemOf('Door', '123456789012'), 'secret_simple');
  assert.equal(problemOf('Door', good.repeat(20)), 'secret_long');
});

test('a claim is sent as JSON, and what the station says of it is told', async () => {
  const asked = answering(() => Response.json({ state: 'done' }));
  assert.equal(await claim('Front door', 'correct horse battery'), null);
  const [request] = asked;
  assert.equal(request?.method, 'POST');
  assert.equal(request?.headers.get('content-type'), 'application/json');
  assert.deepEqual(await request?.json(), { name: 'Front door', secret: 'correct horse battery' });
  answering(() => Response.json({ problem: 'late' }, { status: 409 }));
  assert.equal(await claim('a', 'b'), 'late');
  answering(() => Response.json({ problem: 'novelty' }, { status: 400 }));
  assert.equal(await claim('a', 'b'), 'malformed');
  answering(() => { throw new TypeError('gone'); });
  assert.equal(await claim('a', 'b'), 'unreachable');
});

test('how it stands is told, whatever comes', async () => {
  for (const [answer, state] of /** @type {[() => Response, string][]} */ ([
    [() => Response.json({ state: 'open' }), 'open'],
    [() => Response.json({ state: 'late' }), 'late'],
    [() => Response.json({ state: 'press' }), 'press'],
    [() => new Response('There is no such page.', { status: 404 }), 'done'],
    [() => new Response('<html>'), 'unreachable'],
    [() => { throw new TypeError('gone'); }, 'unreachable'],
  ])) {
    answering(answer);
    assert.equal(await claimState(), state);
  }
});
