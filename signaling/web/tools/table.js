// The oldest browsers that the page is for, and Mozilla's table of what came into which browser when.

import table from '@mdn/browser-compat-data' with { type: 'json' };

/** @typedef {import('@mdn/browser-compat-data').Identifier} Entry */
/** @typedef {{what: string, since: string, where: string}} Finding what is newer than the oldest browsers */

/** Tablets on walls get old; Firefox 115 is the last one of old Windows. */
const OLDEST = /** @type {const} */ ({ safari_ios: '15', chrome: '94', firefox: '115' });

export const { api, css, javascript: { builtins } } = /** @type {{api: Entry, css: Entry, javascript: {builtins: Entry}}} */ (
  /** @type {unknown} */ (table));

/**
 * The first of the oldest browsers that does not have it, with the version that has; null when all have.
 *
 * @param {Entry} entry
 */
export function tooNew(entry) {
  for (const [browser, oldest] of Object.entries(OLDEST)) {
    const told = entry.__compat?.support[/** @type {keyof OLDEST} */ (browser)];
    const statements = told === undefined ? [] : Array.isArray(told) ? told : [told];
    const has = statements.some((one) => one.flags === undefined && one.prefix === undefined
      && one.alternative_name === undefined && isAtMost(one.version_added, oldest)
      // What goes later is there in another way from then on.
      && (one.version_removed === undefined || !isAtMost(one.version_removed, oldest)));
    if (!has) return `${browser} ${statements[0]?.version_added || 'never'}`;
  }
  return null;
}

/**
 * @param {string|false|undefined} version - as the table writes it: `15.4`, `≤37`, `preview`, or that there is none
 * @param {string} oldest
 */
function isAtMost(version, oldest) {
  if (version === false || version === undefined) return false;
  const [a, b] = [version.replace(/^≤/, ''), oldest].map((one) => one.split('.').map(Number));
  if (a === undefined || b === undefined || a.some(Number.isNaN)) return false;
  return (a[0] ?? 0) !== (b[0] ?? 0) ? (a[0] ?? 0) < (b[0] ?? 0) : (a[1] ?? 0) <= (b[1] ?? 0);
}
