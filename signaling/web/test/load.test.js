import assert from 'node:assert/strict';
import { test } from 'node:test';

import { served } from './browser/served.js';
import { pageIn } from './browser/states.js';

const { chromium, site } = served();

/** The sum of the layout shifts since the page was opened, half a second after it was. */
const SHIFTS = `new Promise((told) => {
  let sum = 0;
  new PerformanceObserver((list) => {
    for (const { value } of list.getEntries()) sum += value;
  }).observe({ type: 'layout-shift', buffered: true });
  setTimeout(() => told(sum), 500);
})`;

for (const name of ['home, one station', 'home, several stations', 'home, calls', 'home, offline', 'home, secret asked', 'unclaimed', 'certificate', 'simulated board']) {
  test(`${name}: nothing moves while the page loads, on a slow phone`, async () => {
    const page = await pageIn(chromium, site.address, name, { width: 390, height: 844, slow: true });
    try {
      const sum = await page.read(SHIFTS);
      assert.ok(sum < 0.05, `the layout shifted by ${sum}`);
    } finally {
      await page.close();
    }
  });
}
