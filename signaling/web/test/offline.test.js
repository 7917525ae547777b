import assert from 'node:assert/strict';
import { test } from 'node:test';

import { served } from './browser/served.js';

const { chromium, site } = served();

const WORKER_IS_THERE = 'navigator.serviceWorker.controller?.state === "activated"';

test('a page that is loaded while the station is away is ours, and comes back with it', async () => {
  for (const language of /** @type {const} */ (['en', 'zh-TW'])) {
    const page = await chromium.open({ language });
    await page.go(`${site.address}?name=Kitchen`);
    await page.until(WORKER_IS_THERE);
    site.away = true;
    await page.go(`${site.address}?name=Kitchen`);
    await page.until('document.querySelector("#offline-text")?.textContent');
    const told = await page.read(`({
      words: document.body.innerText, styled: getComputedStyle(document.querySelector('.button')).borderRadius !== '0px',
    })`);
    assert.match(told.words, language === 'en' ? /^Doorway cannot be reached\./ : /^無法連線到 Doorway。/);
    assert.ok(told.styled, 'its style is kept, too');
    site.away = false;
    await page.until('document.querySelector("#home") !== null');
    assert.equal(await page.read('location.search'), '?name=Kitchen');
    await page.close();
  }
});

test('what the browser has to say of the station can be seen', async () => {
  const page = await chromium.open();
  await page.go(site.address);
  await page.until(WORKER_IS_THERE);
  site.away = true;
  await page.go(`${site.address}?room=flat#secret=ours`);
  await page.until('document.querySelector("#offline-certificate")?.textContent');
  assert.equal(await page.read('document.querySelector("#offline-certificate").href'), `${site.address}index.html?room=flat#secret=ours`);
  await page.tap('#offline-certificate');
  await page.until('location.href.startsWith("chrome-error:")');
  site.away = false;
  await page.close();
});

test('who tries again stays on this page until the station is there', async () => {
  const page = await chromium.open();
  await page.go(site.address);
  await page.until(WORKER_IS_THERE);
  site.away = true;
  await page.go(`${site.address}?room=flat#secret=ours`);
  await page.until('document.querySelector("#offline-text")?.textContent');
  await page.read('globalThis.before = true');
  await page.tap('#offline-again');
  await page.until('globalThis.before === undefined && document.querySelector("#offline-text")?.textContent');
  assert.equal(await page.read('location.href'), `${site.address}?room=flat#secret=ours`);
  site.away = false;
  await page.until('document.querySelector("#home") !== null');
  assert.equal(await page.read('location.search'), '?room=flat');
  await page.close();
});

test('a page that was lost for long has the browser itself load it', async () => {
  const page = await chromium.open();
  const ask = "import('./js/view/home.js').then(({ askBrowser }) => askBrowser())";
  await page.go(`${site.address}?room=flat`);
  await page.until(WORKER_IS_THERE);
  await page.read(ask);
  await page.until('location.pathname === "/index.html" && document.body?.dataset.started === ""');
  assert.equal(await page.read('location.search'), '?room=flat');
  site.away = true;
  await page.read(ask);
  await page.until('location.href.startsWith("chrome-error:")');
  site.away = false;
  await page.close();
});

/**
 * What is shown while the station is away.
 *
 * @param {import('./browser/chromium.js').Page} page
 */
async function showsAway(page) {
  site.away = true;
  await page.go(site.address);
  const words = await page.read('document.body.innerText');
  site.away = false;
  await page.until('document.querySelector("#home") !== null');
  return words;
}

/**
 * Waits until a file with these words is kept.
 *
 * @param {import('./browser/chromium.js').Page} page
 * @param {string} path
 * @param {string} words
 */
async function keeps(page, path, words) {
  await page.read(`void setInterval(async () => {
    globalThis.kept = await (await caches.match('${path}'))?.text() ?? '';
  }, 20)`);
  await page.until(`globalThis.kept?.includes('${words}')`);
}

test('what is shown then is of the release that was loaded last', async () => {
  const page = await chromium.open();
  await page.go(site.address);
  await page.until(WORKER_IS_THERE);
  site.instead.set('offline.html', '<!doctype html><script src="js/offline.js?kept" defer></script><p>Away, newly put');
  await page.go(site.address);
  await keeps(page, 'offline.html', 'newly put');
  assert.equal(await showsAway(page), 'Away, newly put');
  site.instead.delete('offline.html');
  await page.close();
});

test('a worker that could not keep it is there all the same, and keeps it later', async () => {
  const page = await chromium.open();
  site.instead.set('js/offline.js', null);
  await page.go(site.address);
  await page.until(WORKER_IS_THERE);
  assert.equal(await page.read('caches.match("offline.html").then((answer) => answer === undefined)'), true);
  site.instead.delete('js/offline.js');
  await page.go(site.address);
  await keeps(page, 'js/offline.js?kept', 'cannot be reached');
  assert.match(await showsAway(page), /^Doorway cannot be reached\./);
  await page.close();
});

test('a page that is there is the newest', async () => {
  const page = await chromium.open();
  await page.go(site.address);
  await page.until(WORKER_IS_THERE);
  site.instead.set('index.html', '<!doctype html><title>new</title><p>A new release');
  await page.go(site.address);
  assert.equal(await page.read('document.body.innerText'), 'A new release');
  site.instead.delete('index.html');
  await page.close();
});
