import assert from 'node:assert/strict';
import { test } from 'node:test';

import { served } from './browser/served.js';

const { chromium, site } = served();

/**
 * What a person reads on a page, in place of which some files are others.
 *
 * @param {string} path
 * @param {Record<string, string|null>} instead
 * @param {'en'|'zh-TW'} [language]
 */
async function reads(path, instead, language) {
  site.instead = new Map(Object.entries(instead));
  const page = await chromium.open({ language });
  await page.go(site.address + path);
  await page.until('document.readyState === "complete"');
  const told = await page.read('({ words: document.body.innerText, old: document.querySelector(".too-old") !== null })');
  await page.close();
  return told;
}

test('a page that starts says nothing of old browsers', async () => {
  for (const path of ['', 'sim.html', 'certificate.html']) assert.equal((await reads(path, {})).old, false, path);
});

test('a browser that does not parse the modules, or lacks what they use, is told so', async () => {
  for (const [path, instead] of /** @type {[string, Record<string, string|null>][]} */ ([
    ['', { 'js/history.js': 'this is no JavaScript' }],
    ['', { 'js/history.js': null }],
    ['', { 'js/history.js': 'export class History { constructor() { Object.notYet(); } } export function outcomeOf() {} export function secondsOf() {}' }],
    ['sim.html', { 'js/strings.js': 'this is no JavaScript' }],
    ['certificate.html', { 'js/strings.js': 'this is no JavaScript' }],
  ])) {
    const { words, old } = await reads(path, instead);
    assert.ok(old, path);
    assert.match(words, /^This page does not start\.\s+Load it again\..* iOS 15 .*\s+Load again$/);
  }
});

test('it is told in Chinese too', async () => {
  assert.match((await reads('', { 'js/app.js': null }, 'zh-TW')).words, /^本頁無法啟動。/);
});
