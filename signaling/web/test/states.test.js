import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { served } from './browser/served.js';
import { STATES, pageIn } from './browser/states.js';

/** Looks for what keeps people from using a page. */
const AXE = readFileSync(new URL('../node_modules/axe-core/axe.min.js', import.meta.url), 'utf8');
/** That a name holds the words that are seen is off by itself; so is the size of what is tapped. */
const RULES = { 'label-content-name-mismatch': { enabled: true }, 'target-size': { enabled: true } };

const { chromium, site } = served();

for (const name of Object.keys(STATES)) {
  test(`${name}: nothing goes wrong, and everybody can use it, in light and in dark`, async () => {
    const look = { width: 390, height: 844 };
    const page = await pageIn(chromium, site.address, name, { ...look, still: true });
    try {
      await page.read(`${AXE}; 0`);
      for (const scheme of /** @type {const} */ (['light', 'dark'])) {
        await page.look({ ...look, scheme });
        await page.drawn();
        assert.deepEqual(await page.read(`axe.run(document, { rules: ${JSON.stringify(RULES)}, resultTypes: ['violations'] }).then(
          ({ violations }) => violations.flatMap(({ id, nodes }) => nodes.map(({ target, failureSummary }) => [id, target.join(' '), failureSummary])))`), [], scheme);
      }
      assert.ok(await page.read(STATES[name]?.is ?? ''), 'it is in that state still');
      assert.deepEqual(await page.read('fake.wrong'), []);
    } finally {
      await page.close();
    }
  });
}
