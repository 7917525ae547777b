import assert from 'node:assert/strict';
import { test } from 'node:test';

import { choose, isKey, languages, text } from '../static/js/strings.js';

/** @param {string} words */
function places(words) {
  return [...words.matchAll(/\{(\w+)\}/g)].map(([, name]) => name).sort();
}

test('every language has every text, with the same places to fill in', () => {
  const [first, ...others] = Object.values(languages);
  assert.ok(first !== undefined && others.length > 0);
  for (const other of others) {
    assert.deepEqual(Object.keys(other).sort(), Object.keys(first).sort());
    for (const [key, words] of Object.entries(first)) {
      const translated = other[/** @type {import('../static/js/strings.js').Key} */ (key)];
      assert.ok(translated.trim() !== '', key);
      assert.deepEqual(places(translated), places(words), key);
    }
  }
});

test('the Chinese texts are Chinese', () => {
  const plain = Object.entries(languages['zh-Hant']).filter(([, words]) => !/\p{Script=Han}/u.test(words));
  assert.deepEqual(plain.map(([key]) => key), ['update.percent', 'quality.percent', 'ended.duration', 'sim.dbfs']);
});

test('the first wanted language that there is is taken', () => {
  assert.equal(choose(['de', 'zh-TW', 'en']), 'zh-Hant');
  assert.equal(choose(['en-GB', 'zh-TW']), 'en');
  assert.equal(choose(['zh-Hans-CN']), 'zh-Hant');
  assert.equal(choose(['fr']), 'en');
  assert.equal(choose([]), 'en');
});

test('places are filled in, and a name with braces stays a name', () => {
  assert.match(text('home.ringing', { name: '{name} $& <b>' }), /\{name\} \$& <b>/);
  assert.ok(!isKey('toString'));
});
