import assert from 'node:assert/strict';
import { test } from 'node:test';

import { parse as parseFrame } from '../static/js/companion.js';
import { freshIds, keepName, parseAddress, readIdentity, tidyName } from '../static/js/identity.js';
import { delayMs } from '../static/js/ladder.js';
import { troubleOf } from '../static/js/microphone.js';
import { parse as parseEvent } from '../static/js/peer.js';

test('the ladder doubles, is spread and has a top', () => {
  assert.equal(delayMs(0, 0), 125);
  assert.equal(delayMs(0, 1), 375);
  assert.equal(delayMs(3, 0.5), 2_000);
  assert.equal(delayMs(500, 1), 12_000);
});

test('messages of unknown types and things that are no messages are ignored', () => {
  for (const parse of [parseFrame, parseEvent]) {
    for (const bad of ['', '{', 'null', '5', '[]', '{}', '{"type":"novelty"}', '{"type":"toString"}', new ArrayBuffer(2), undefined]) {
      assert.equal(parse(bad), null, String(bad));
    }
    assert.deepEqual(parse('{"type":"pong","token":3}'), { type: 'pong', token: 3 });
  }
});

test('name and secret come from the address', () => {
  assert.deepEqual(parseAddress('?name=Kitchen%20tablet', '#secret=a%20b'), { name: 'Kitchen tablet', secret: 'a b' });
  assert.deepEqual(parseAddress('', ''), { name: null, secret: null });
  assert.deepEqual(parseAddress('?name=', '#secret='), { name: '', secret: null });
  assert.equal(parseAddress(`?name=${'x'.repeat(500)}`, '').name?.length, 64);
});

test('a name is taken as the companion takes it', () => {
  assert.equal(tidyName('  Kitchen \t\n tablet '), 'Kitchen tablet');
  assert.equal(tidyName(`${'x'.repeat(63)}🛎🛎`), `${'x'.repeat(63)}🛎`);
  assert.equal(tidyName(' '), '');
});

test('a name that is given in the page replaces the one in the address', () => {
  /** @type {string[]} */
  const addresses = [];
  const kept = new Map();
  const place = { pathname: '/', search: '?name=Old&room=attic', hash: '#x' };
  Object.assign(globalThis, {
    location: place,
    localStorage: { setItem: kept.set.bind(kept) },
    history: { state: null, replaceState: (/** @type {unknown} */ _state, /** @type {string} */ _title, /** @type {string} */ address) => addresses.push(address) },
  });
  keepName('Kitchen');
  place.search = '?name=Old';
  keepName('Study');
  place.search = '';
  keepName('');
  assert.deepEqual(addresses, ['/?room=attic#x', '/#x']);
  assert.equal(kept.get('doorway.name'), '');
});

test('a link fills in what a page has not, and changes nothing that it has', () => {
  const kept = new Map();
  const place = { pathname: '/', search: '?name=Kitchen', hash: '#secret=ours' };
  /** @type {string[]} */
  const addresses = [];
  Object.assign(globalThis, {
    location: place,
    localStorage: { setItem: kept.set.bind(kept), getItem: (/** @type {string} */ key) => kept.get(key) ?? null },
    history: { state: null, replaceState: (/** @type {unknown} */ _state, /** @type {string} */ _title, /** @type {string} */ address) => addresses.push(address) },
  });
  const read = () => {
    const { identity: { name, secret }, brought } = readIdentity();
    return { name, secret, brought };
  };
  const nothing = { name: null, secret: null };
  assert.deepEqual(read(), { name: 'Kitchen', secret: 'ours', brought: nothing });
  assert.deepEqual(read(), { name: 'Kitchen', secret: 'ours', brought: nothing }, 'the same link again');
  Object.assign(place, { search: '?name=Nobody', hash: '#secret=theirs' });
  for (const time of ['first', 'second']) {
    assert.deepEqual(read(), { name: 'Kitchen', secret: 'ours', brought: { name: 'Nobody', secret: 'theirs' } }, time);
  }
  Object.assign(place, { search: '?name=', hash: '' });
  assert.deepEqual(read(), { name: 'Kitchen', secret: 'ours', brought: nothing }, 'a link that brings nothing');
  assert.deepEqual([kept.get('doorway.name'), kept.get('doorway.secret')], ['Kitchen', 'ours']);
  assert.equal(addresses.length, 4, 'no secret stays in the address bar');
});

test('every page has an id that the companion takes', () => {
  const { id, resume } = freshIds();
  assert.match(id, /^[A-Za-z0-9._-]{1,64}$/);
  assert.notEqual(id, freshIds().id);
  assert.ok(resume.length >= 32);
});

test('what the browser says about the microphone has a word', () => {
  const named = (/** @type {string} */ name) => troubleOf(Object.assign(new Error(), { name }));
  assert.equal(named('NotAllowedError'), 'microphone_refused');
  assert.equal(named('NotFoundError'), 'microphone_missing');
  assert.equal(named('OverconstrainedError'), 'microphone_missing');
  assert.equal(named('NotReadableError'), 'microphone_busy');
  assert.equal(troubleOf('what'), 'microphone_missing');
});
