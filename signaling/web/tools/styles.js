// Whether all that a style sheet of the page uses is in the oldest browsers that it is for, or has something before it that
// is: a browser passes over what it does not know.

import { css as table, tooNew } from './table.js';

/** @typedef {import('./table.js').Entry} Entry */
/** @typedef {import('./table.js').Finding} Finding */

/** What makes the page nicer where it is there, and is not missed elsewhere. */
export const OPTIONAL_STYLE = new Set([
  // Where words break, what moves when one scrolls past the end, and a ring around what has the focus in place of the
  // browser's own.
  'text-wrap', 'overscroll-behavior', ':focus-visible',
  // Larger doors where there is room for them.
  'container-type', '@container',
  '@media (forced-colors)', '@media (prefers-reduced-transparency)',
  // In a grid, which is where the page has it, older ones know it too.
  'align-self: start',
]);

/**
 * @param {string} css
 * @param {string} file - where it is from
 * @returns {{newer: Finding[], optional: string[]}} `optional`: what it uses of `OPTIONAL_STYLE`
 */
export function lookThroughStyle(css, file) {
  /** @type {Finding[]} */
  const newer = [];
  /** @type {Set<string>} */
  const optional = new Set();
  const text = css.replace(/\/\*.*?\*\//gs, (comment) => comment.replace(/[^\n]/g, ' '));
  /** The properties that each of the open blocks has declared. @type {Set<string>[]} */
  const open = [];
  let start = 0;
  for (const { 0: mark, index } of text.matchAll(/[{};]/g)) {
    const piece = text.slice(start, index).trim();
    const declared = open.at(-1) ?? new Set();
    const where = `${file}:${text.slice(0, index).split('\n').length}`;
    for (const { what, entry } of mark === '{' ? ofPrelude(piece) : ofDeclaration(piece, declared)) {
      const since = tooNew(entry);
      if (since !== null && OPTIONAL_STYLE.has(what)) optional.add(what);
      else if (since !== null) newer.push({ what, since, where });
    }
    if (mark === '{') open.push(new Set());
    else declared.add(/^[\w-]*/.exec(piece)?.[0] ?? '');
    if (mark === '}') open.pop();
    start = index + 1;
  }
  return { newer, optional: [...optional] };
}

/**
 * What stands before a block: selectors, or an at-rule.
 *
 * @param {string} prelude
 */
function ofPrelude(prelude) {
  const rule = /^@([\w-]+)/.exec(prelude)?.[1];
  if (rule === undefined) return names(prelude, /:(\w[\w-]*)/g).flatMap((name) => known(`:${name}`, table.selectors?.[name]));
  const features = names(prelude, /\(\s*(?:min-|max-)?([\w-]+)/g);
  return [...known(`@${rule}`, table['at-rules']?.[rule]),
    ...features.flatMap((name) => known(`@${rule} (${name})`, table['at-rules']?.[rule]?.[name]))];
}

/**
 * What of a declaration has nothing in the same block to fall back to.
 *
 * @param {string} declaration
 * @param {Set<string>} declared - the properties before it
 */
function ofDeclaration(declaration, declared) {
  const [, property = '', value = ''] = /^([\w-]+)\s*:(.*)$/s.exec(declaration) ?? [];
  // A font has others behind it, and a pointer is nothing on a phone.
  if (['', 'font-family', 'cursor'].includes(property) || /^-\w/.test(property)) return [];
  const { types, properties } = table;
  const whole = known(property, properties?.[property]).filter(({ entry }) => tooNew(entry) !== null);
  if (whole.length > 0) return declared.has(`-webkit-${property}`) ? [] : whole;
  // One with a variable in it is taken as it is, and found wrong when it is too late for what stands before it.
  if (declared.has(property) && !value.includes('var(')) return [];
  const all = [];
  for (const name of names(value, /([a-z-]+)/g)) all.push(...known(`${property}: ${name}`, properties?.[property]?.[name]));
  for (const name of names(value, /([a-z-]+)\(/g)) all.push(...known(`${name}()`, types?.[name] ?? types?.color?.[name]));
  for (const unit of names(value, /\d([dls]v\w+)/g)) all.push(...known(unit, types?.length?.viewport_percentage_units_dynamic));
  return all;
}

/**
 * @param {string} what
 * @param {Entry|undefined} entry
 * @returns {{what: string, entry: Entry}[]}
 */
function known(what, entry) {
  return entry?.__compat === undefined ? [] : [{ what, entry }];
}

/**
 * @param {string} text
 * @param {RegExp} pattern - with one group
 */
function names(text, pattern) {
  return [...new Set([...text.matchAll(pattern)].map(([, name = '']) => name))];
}
