import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Chromium } from './browser/chromium.js';

/** @param {Promise<unknown>} promise */
async function rejection(promise) {
  try {
    await promise;
    return 'none';
  } catch (error) {
    return String(error);
  }
}

test('a browser that is not there is named as the reason, whenever one asks for it', async () => {
  const chromium = new Chromium('/nowhere/chromium');
  assert.match(await rejection(chromium.open()), /there is no Chromium/);
  assert.match(await rejection(chromium.open()), /there is no Chromium/);
  await chromium.close();
});

test('a browser that dies keeps nobody waiting', async () => {
  const chromium = new Chromium('/bin/false');
  assert.match(await rejection(chromium.open()), /Chromium is gone/);
  assert.match(await rejection(chromium.open()), /Chromium is gone/);
  await chromium.close();
});
