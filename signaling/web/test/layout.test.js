import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { served } from './browser/served.js';
import { STATES, pageIn } from './browser/states.js';

const MEASURE = readFileSync(new URL('browser/measure.js', import.meta.url), 'utf8');
/** An old phone; the same with text of twice the size; a screen of 1280 by 1024 at four times its size. */
const NARROW = [
  { width: 320, height: 568 },
  { width: 320, height: 568, text: 32 },
  { width: 390, height: 844, text: 32 },
  { width: 320, height: 256 },
];
const WIDE = [
  { width: 568, height: 320 },
  { width: 844, height: 390 },
  { width: 844, height: 390, text: 32 },
  { width: 1280, height: 800 },
];
/** What a person has to find at once, by view. @type {Record<string, string[]>} */
const FIRST = { 'ringing': ['#answer', '#decline'], 'in-call': ['#hang-up'], 'watching': ['#talk', '#hang-up'] };

const { chromium, site } = served();

/**
 * @param {string} name
 * @param {(page: import('./browser/chromium.js').Page) => Promise<void>} run
 */
async function inState(name, run) {
  const page = await pageIn(chromium, site.address, name, { ...NARROW[0], still: true });
  try {
    await page.read(MEASURE);
    await run(page);
  } finally {
    await page.close();
  }
}

/**
 * What `measure` says once the page has drawn itself for that look.
 *
 * @param {import('./browser/chromium.js').Page} page
 * @param {import('./browser/chromium.js').Look} look
 * @param {string} what
 */
async function measured(page, look, what) {
  await page.look(look);
  // A change of the text's size arrives by itself, and names take another turn to fit.
  await page.until(`getComputedStyle(document.documentElement).fontSize === '${look.text ?? 16}px'`);
  for (let [last, now] = ['', 'unknown']; last !== now;) {
    await page.drawn();
    [last, now] = [now, await page.read('[...document.querySelectorAll("html, #stage, #stage *")].map(({ scrollHeight }) => scrollHeight).join()')];
  }
  return page.read(`measure.${what}`);
}

for (const name of Object.keys(STATES)) {
  test(`${name}: nothing is cut off or covered, however narrow the screen and large the text`, async () => {
    await inState(name, async (page) => {
      const first = FIRST[await page.read('document.body.dataset.view')] ?? [];
      for (const look of [...NARROW, ...WIDE]) {
        assert.deepEqual(await measured(page, look, 'faults()'), [], JSON.stringify(look));
        if (look.height >= 390) assert.deepEqual(await page.read(`measure.hidden(${JSON.stringify(first)})`), [], JSON.stringify(look));
      }
      assert.ok(await page.read(STATES[name]?.is ?? ''), 'it is in that state still');
    });
  });
}

test('names of sixty characters take two lines, and are told apart by their ends', async () => {
  for (const name of ['ringing, long names', 'in a call, all at once', 'watching, long names']) {
    await inState(name, async (page) => {
      for (const look of [...NARROW, ...WIDE]) {
        const names = await measured(page, look, 'names()');
        for (const { whole, read, lines } of names) {
          const told = `${read} in ${JSON.stringify(look)}`;
          const [start = '', end = whole] = read.split('…');
          assert.ok(lines <= 2, `${lines} lines: ${told}`);
          assert.ok(whole.startsWith(start) && whole.endsWith(end) && start.length >= 6 && end.length >= 6, told);
        }
        assert.equal(new Set(names.map((/** @type {{read: string}} */ { read }) => read)).size, names.length);
      }
    });
  }
});

test('the way to the door is read whole', async () => {
  for (const name of ['watching', 'watching, it rings elsewhere']) {
    await inState(name, async (page) => {
      for (const look of [...NARROW, ...WIDE]) {
        const names = await measured(page, look, 'names()');
        assert.ok(names.some((/** @type {{read: string}} */ { read }) => /^Not heard\..*\.$/.test(read)), JSON.stringify([look, names]));
        assert.deepEqual(names.filter((/** @type {{read: string}} */ { read }) => read.includes('…')), [], JSON.stringify(look));
      }
    });
  }
});

test('the whole picture is seen, and no face is covered', async () => {
  for (const name of ['ringing', 'in a call', 'in a call, long names', 'in a call, notice', 'in a call, second call', 'watching']) {
    await inState(name, async (page) => {
      for (const look of [{ width: 320, height: 568 }, { width: 390, height: 844 }, { width: 768, height: 1024 },
        { width: 844, height: 390 }, { width: 1280, height: 800 }]) {
        const { width, height, top, whole, over } = await measured(page, look, 'picture()');
        const told = `${name} in ${JSON.stringify(look)}`;
        assert.ok(whole, told);
        assert.deepEqual(over, [], told);
        // As large as it goes, unless a small phone has more to show beside it.
        if (look.width !== 320) assert.ok(width > look.width - 2 || height > look.height - 2, `${width} x ${height}: ${told}`);
        if (look.width < look.height) assert.ok(top < look.height * 0.3, `${top}: ${told}`);
      }
    });
  }
});

test('who wants the picture to fill the screen chooses so once', async () => {
  await inState('ringing', async (page) => {
    assert.equal(await page.read('document.querySelector("#stage").dataset.fit'), 'whole');
    await page.tap('#fit');
    await page.until('document.querySelector("#stage").dataset.fit === "fill"');
    const { left, top, width, height } = await measured(page, { width: 390, height: 844 }, 'picture()');
    assert.ok(left <= 0 && top <= 0 && left + width >= 390 && top + height >= 844);
    await page.go(`${site.address}?again`);
    await page.until('document.body.dataset.link === "online"');
    await page.read('void fake.rings()');
    await page.until('document.querySelector("#stage").dataset.fit === "fill"');
  });
});
