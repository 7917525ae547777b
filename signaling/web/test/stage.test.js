import assert from 'node:assert/strict';
import { test } from 'node:test';

import { served } from './browser/served.js';
import { pageIn } from './browser/states.js';

const { chromium, site } = served();

test('without a picture it is said what one can do, and nothing else', async () => {
  for (const [state, title, help] of /** @type {const} */ ([
    ['ringing, no picture to show', 'This browser cannot show the picture.', 'You can still answer.'],
    ['in a call, no picture to show', 'This browser cannot show the picture.', 'You can still talk and open the door.'],
    ['in a call, no door and no camera', 'No picture', 'You can still talk.'],
    ['watching, no picture to show', 'This browser cannot show the picture.', 'You can still talk.'],
  ])) {
    const page = await pageIn(chromium, site.address, state);
    const told = await page.read('["title", "text"].map((part) => document.querySelector(`#placeholder-${part}`).innerText)');
    assert.deepEqual(told, [title, help], state);
    await page.close();
  }
});
