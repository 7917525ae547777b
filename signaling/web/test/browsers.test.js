import assert from 'node:assert/strict';
import { test } from 'node:test';

import ts from 'typescript';

import { lookThrough } from '../tools/browsers.js';
import { lookThroughStyle } from '../tools/styles.js';

/**
 * What of a source is newer than the page's oldest browsers.
 *
 * @param {string} code
 */
function newerIn(code) {
  const host = ts.createCompilerHost({});
  const { getSourceFile } = host;
  host.getSourceFile = (name, ...rest) => (name === '/sample.js'
    ? ts.createSourceFile(name, code, ts.ScriptTarget.ES2022, true, ts.ScriptKind.JS) : getSourceFile(name, ...rest));
  return lookThrough(['/sample.js'], host).newer.map(({ what }) => what);
}

test('what iOS 15 does not have is found, however it is reached', () => {
  assert.deepEqual(newerIn(`
    AbortSignal.timeout(1);
    const { hasOwn } = Object;
    new URLSearchParams('').size;
    [1].at(-1);
    'text'.at(-1);
    structuredClone({});
    globalThis.crypto.randomUUID();
    const { body } = document;
    body.inert = true;
    body.onscrollend = null;
    new BroadcastChannel('name');
  `), [
    'AbortSignal.timeout', 'Object.hasOwn', 'URLSearchParams.size', 'Array.at', 'String.at', 'structuredClone',
    'Crypto.randomUUID', 'HTMLElement.inert', 'Element.onscrollend', 'BroadcastChannel',
  ]);
});

test('what iOS 15 has is left alone', () => {
  assert.deepEqual(newerIn(`
    const { port1 } = new MessageChannel();
    port1.onmessage = null;
    document.body.replaceChildren(...[[1]].flat().map(String));
    document.querySelector('video')?.play().finally(() => new AbortController().abort());
    'text'.replaceAll('t', 'x').padStart(9);
    Object.fromEntries(new Map([['a', 1]]));
    matchMedia('print').addEventListener('change', () => undefined);
    new RTCPeerConnection().getTransceivers();
  `), []);
});

test('of a style sheet, what iOS 15 does not have is found, unless what it has stands before', () => {
  const newerStyle = (/** @type {string} */ css) => lookThroughStyle(css, 'sample.css').newer.map(({ what, where }) => `${where} ${what}`);
  assert.deepEqual(newerStyle(`
    a { overflow-wrap: anywhere; }
    a { background: color-mix(in srgb, red, blue) }
    a:has(b), c { height: 100dvh; /* a { color: oklch(1 1 1); } */ accent-color: red; }
    @media (scripting: none) { a { translate: 1px; } }
    a { --own: color-mix(in srgb, red, blue); }
  `), [
    'sample.css:2 overflow-wrap: anywhere', 'sample.css:3 color-mix()', 'sample.css:4 :has', 'sample.css:4 dvh', 'sample.css:4 accent-color',
    'sample.css:5 @media (scripting)', 'sample.css:5 translate', 'sample.css:6 color-mix()',
  ]);
  assert.deepEqual(newerStyle(`
    a { overflow-wrap: break-word; overflow-wrap: anywhere; height: 100vh; height: 100dvh; -webkit-appearance: none; appearance: none; }
    a { display: grid; inset: 0; grid-template-columns: minmax(0, 1fr) max(20px, env(safe-area-inset-left)); color: rgb(1 2 3 / 6%); }
    a::-webkit-slider-thumb:hover { cursor: pointer; font-family: ui-monospace; }
    @media (orientation: landscape) and (min-width: 33em) { a:not([hidden]) { background: currentcolor; } }
  `), []);
  const late = 'a { color: red; color: color-mix(in srgb, var(--ink) 6%, transparent); }';
  assert.deepEqual(newerStyle(late), ['sample.css:1 color-mix()'], 'with a variable in it, it does not fall back');
});
