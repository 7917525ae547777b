import assert from 'node:assert/strict';
import { test } from 'node:test';

import { served } from './browser/served.js';
import { pageIn } from './browser/states.js';

const { chromium, site } = served();

/**
 * @param {string} state - of the page
 * @param {(page: import('./browser/chromium.js').Page) => Promise<void>} run
 */
async function inState(state, run) {
  const page = await pageIn(chromium, site.address, state);
  try {
    await run(page);
  } finally {
    await page.close();
  }
}

/**
 * That the companion and the station's own pages are asked with this secret, which is kept.
 *
 * @param {import('./browser/chromium.js').Page} page
 * @param {string} secret
 */
async function usesSecret(page, secret) {
  await page.until('document.body.dataset.link === "online"');
  await page.read('fake.fetched.length = 0');
  await page.tap('#open-about');
  await page.until('fake.fetched.some(({ address }) => address === "update")');
  const used = await page.read(`[
    fake.hello.secret, localStorage.getItem('doorway.secret'), ...fake.fetched.filter(({ address }) => address === 'update').map((one) => one.secret),
  ]`);
  assert.deepEqual([...new Set(used)], [secret]);
}

test('the secret that a station is set up with is used from then on', async () => {
  await inState('unclaimed', async (page) => {
    await page.read(`fake.refusal = null; fake.answers.update = {};
      document.querySelector('#claim-name').value = 'Door'; document.querySelector('#claim-secret').value = 'correct horse battery'`);
    await page.tap('#claim-send');
    await usesSecret(page, 'correct horse battery');
  });
});

test('a secret that somebody enters is used from then on, and a link\'s is not asked about any more', async () => {
  await inState('home, a link brought a secret, another asked', async (page) => {
    await page.read('fake.refusal = null; document.querySelector("#secret-text").value = "a third one"');
    await page.tap('#secret [type=submit]');
    await page.until('document.querySelector("#brought").hidden');
    await usesSecret(page, 'a third one');
  });
});

test('a secret and a name that a link brought are decided on one after the other', async () => {
  await inState('home, a link brought a secret and a name', async (page) => {
    await page.tap('#brought-take');
    await page.until('/Somebody else/.test(document.querySelector("#brought-text").textContent)');
    await page.tap('#brought-take');
    await page.until('document.querySelector("#brought").hidden && fake.hello.role.name === "Somebody else"');
    assert.equal(await page.read('document.activeElement.id'), 'headline', 'the keyboard goes on from there');
    await usesSecret(page, 'another');
  });
});

test('the list of calls is a stop for the keyboard once there are calls', async () => {
  for (const [state, stops] of /** @type {const} */ ([['home, one station', -1], ['home, calls', 0]])) {
    await inState(state, async (page) => assert.equal(await page.read('document.querySelector("#calls").tabIndex'), stops));
  }
});

test('a screen that can\'t answer reads out each visitor', async () => {
  await inState('home, unable', async (page) => {
    await page.read(`globalThis.said = []; new MutationObserver(() => {
      said.push(document.querySelector('#announce').textContent);
    }).observe(document.querySelector('#announce'), { childList: true, characterData: true, subtree: true })`);
    for (const visitor of [1, 2]) {
      await page.read('fake.ringsToo("Side entrance")');
      await page.until(`said.filter((words) => words === 'Side entrance is ringing.').length === ${visitor}`);
    }
  });
});
