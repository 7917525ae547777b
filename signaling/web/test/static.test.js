import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';

import { isKey } from '../static/js/strings.js';

const ROOT = new URL('../static/', import.meta.url);
const FILES = readdirSync(ROOT, { recursive: true }).filter((name) => /\.(html|js|css|svg|webmanifest)$/.test(name));

/** @param {string} name */
function read(name) {
  return readFileSync(new URL(name, ROOT), 'utf8');
}

test('nothing is asked of anybody else', () => {
  for (const name of FILES) {
    const others = [...read(name).matchAll(/(?:https?:)?\/\/[\w.-]+\.\w{2,}[^\s'"]*/g)].map(([found]) => found)
      .filter((found) => found !== 'http://www.w3.org/2000/svg');
    assert.deepEqual(others, [], name);
  }
});

test('the HTML holds to the content security policy', () => {
  for (const name of FILES.filter((file) => file.endsWith('.html'))) {
    const html = read(name);
    assert.ok(!/<script(?![^>]*\ssrc=)/.test(html), `${name}: script without src`);
    assert.ok(!/<style|\sstyle=|\son\w+=|javascript:/.test(html), `${name}: inline style or handler`);
    assert.ok(!/\saction=/.test(html), `${name}: form with an address`);
  }
});

test('the README names the policy that the companion sends', () => {
  const outside = (/** @type {string} */ path) => readFileSync(new URL(path, import.meta.url), 'utf8');
  const [, sent = ''] = /from_static\(\s*"(default-src[^"]+)"/.exec(outside('../../server/src/guard.rs')) ?? [];
  const [, told = ''] = /```\n(default-src[^`]+)```/.exec(outside('../README.md')) ?? [];
  const parts = (/** @type {string} */ policy) => policy.replace(/\\\n/g, '').split(';').map((part) => part.trim().replace(/\s+/g, ' '));
  assert.ok(parts(sent).includes("worker-src 'self'"), sent);
  assert.deepEqual(parts(told), parts(sent));
});

test('what the HTML names is there', () => {
  for (const name of FILES.filter((file) => file.endsWith('.html'))) {
    const html = read(name);
    for (const [, key] of html.matchAll(/data-(?:text|label)="([^"]+)"/g)) assert.ok(isKey(key ?? ''), `${name}: ${key}`);
    for (const [, path] of html.matchAll(/(?:src|href)="([^"]+)"/g)) {
      if (path !== './') assert.ok(existsSync(new URL(path ?? '', ROOT)), `${name}: ${path}`);
    }
    const ids = [...html.matchAll(/\sid="([^"]+)"/g)].map(([, id]) => id);
    assert.equal(new Set(ids).size, ids.length, `${name}: an id twice`);
  }
});

test('the HTML names all modules that it takes, so that they come at once and not one after the other', () => {
  for (const name of FILES.filter((file) => file.endsWith('.html'))) {
    const html = read(name);
    const taken = [...html.matchAll(/<script type="module" src="([^"]+)"/g)].map(([, path]) => path ?? '');
    for (const module of taken) {
      for (const [, path] of read(module).matchAll(/^import[^;]*? from '([^']+)';/gms)) {
        const { pathname } = new URL(path ?? '', `file:///${module}`);
        if (!taken.includes(pathname.slice(1))) taken.push(pathname.slice(1));
      }
    }
    const named = [...html.matchAll(/rel="modulepreload" href="([^"]+)"/g)].map(([, path]) => path);
    assert.deepEqual(named, taken.slice(1).sort(), name);
  }
});

test('every element that a module asks for is in the page', () => {
  const index = read('index.html');
  const sim = read('sim.html');
  const certificate = read('certificate.html');
  for (const name of FILES.filter((file) => file.endsWith('.js'))) {
    for (const [, id] of read(name).matchAll(/(?:byId|onClick)\('([^']+)'/g)) {
      const html = name === 'js/sim.js' ? sim : name === 'js/certificate.js' ? certificate : name === 'js/view/dom.js' ? index + sim : index;
      assert.ok(html.includes(`id="${id}"`), `${name}: #${id}`);
    }
  }
});

test('the panel of the simulated board has a word for all that the board may say, and for nothing else', () => {
  const state = readFileSync(new URL('../types/sim.d.ts', import.meta.url), 'utf8');
  const strings = read('js/strings.js');
  for (const part of ['indicator', 'chime']) {
    const [, union = ''] = new RegExp(`\\b${part}: ([^;]+);`).exec(state) ?? [];
    const said = [...union.matchAll(/'(\w+)'/g)].map(([, value]) => `sim.${part}.${value}`);
    const words = [...strings.matchAll(/^ {2}'([\w.]+)':/gm)].map(([, key]) => key ?? '');
    assert.ok(said.length > 3, part);
    assert.deepEqual([...new Set(words.filter((key) => key.startsWith(`sim.${part}.`)))].sort(), said.sort());
  }
});

test('every text is used', () => {
  const all = FILES.filter((name) => name !== 'js/strings.js').map(read).join('\n');
  const strings = read('js/strings.js');
  const dynamic = ['link.', 'station.', 'camera.', 'microphone.', 'speaker.', 'calls.', 'notify.', 'quality.', 'ended.',
    'door.refused.', 'claim.problem.', 'update.failed.', 'sim.link.', 'sim.indicator.', 'sim.chime.'];
  const unused = [...strings.matchAll(/^ {2}'([\w.]+)':/gm)].map(([, key]) => key ?? '')
    .filter((key) => !all.includes(`'${key}'`) && !all.includes(`"${key}"`) && !dynamic.some((prefix) => key.startsWith(prefix)))
    // What the card says when nothing goes on is a title and its help.
    .filter((key) => !(key.startsWith('update.') && key.endsWith('.help') && all.includes(`quiet('${key.slice(0, -5)}')`)));
  assert.deepEqual(unused, []);
});
