// A browser, and the page served to it, for all tests of a file.

import { after, before } from 'node:test';

import { Chromium } from './chromium.js';
import { Site } from './site.js';

/** They are there once the tests run, and gone after them. */
export function served() {
  const chromium = new Chromium();
  const site = new Site();
  before(() => site.open());
  after(async () => {
    await chromium.close();
    site.close();
  });
  return { chromium, site };
}
