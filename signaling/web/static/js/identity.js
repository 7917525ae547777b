// Who this page is to the companion: an id of its own for every load, a name that people read, the shared secret.

const NAME_KEY = 'doorway.name';
const SECRET_KEY = 'doorway.secret';
const MAX_NAME = 64;

/** @typedef {{id: string, resume: string, name: string, secret: string|null}} Identity */
/** @typedef {{name: string|null, secret: string|null}} Brought what a link has in it; null: nothing, or nothing new */

/**
 * Reads `?name=` and `#secret=`, and takes the secret out of the address bar, where it would be seen, bookmarked and
 * sent to others. A page that has none of its own keeps what a link brings; one that has is not changed by whoever
 * made the link: what differs is `brought`, for a person to decide.
 *
 * @returns {{identity: Identity, brought: Brought}}
 */
export function readIdentity() {
  const link = parseAddress(location.search, location.hash);
  if (link.secret !== null) history.replaceState(history.state, '', location.pathname + location.search);
  const kept = { name: recall(NAME_KEY) || null, secret: recall(SECRET_KEY) || null };
  const brought = differing(link, kept);
  if (kept.name === null && link.name !== null) keep(NAME_KEY, link.name);
  if (kept.secret === null && link.secret !== null) keep(SECRET_KEY, link.secret);
  return {
    identity: { ...freshIds(), name: kept.name ?? link.name ?? '', secret: kept.secret ?? link.secret },
    brought,
  };
}

/**
 * What of a link would change a page that has something else.
 *
 * @param {Brought} link
 * @param {Brought} kept
 * @returns {Brought}
 */
function differing(link, kept) {
  return {
    name: kept.name === null || link.name === kept.name || link.name === '' ? null : link.name,
    secret: kept.secret === null || link.secret === kept.secret ? null : link.secret,
  };
}

/**
 * Keeps what a person calls this screen, and takes another name out of the address bar: it would come back with the
 * next load.
 *
 * @param {string} name
 */
export function keepName(name) {
  keep(NAME_KEY, name);
  const search = new URLSearchParams(location.search);
  if (!search.has('name')) return;
  search.delete('name');
  const rest = search.toString();
  history.replaceState(history.state, '', `${location.pathname}${rest === '' ? '' : `?${rest}`}${location.hash}`);
}

/**
 * As the companion takes it.
 *
 * @param {string} name
 */
export function tidyName(name) {
  // By characters: half of one is no text, and a message that holds it is refused.
  return [...name.replace(/\s+/gu, ' ').trim()].slice(0, MAX_NAME).join('').trim();
}

/** @param {string} secret */
export function keepSecret(secret) {
  keep(SECRET_KEY, secret);
}

/** @returns {{id: string, resume: string}} */
export function freshIds() {
  return { id: `page-${randomText(12)}`, resume: randomText(24) };
}

/**
 * @param {string} search - as in `location.search`
 * @param {string} hash - as in `location.hash`
 */
export function parseAddress(search, hash) {
  const name = new URLSearchParams(search).get('name');
  // A secret in base64 holds plus signs, which would become spaces.
  const secret = new URLSearchParams(hash.replace(/^#/, '').replaceAll('+', '%2B')).get('secret');
  return {
    name: name === null ? null : tidyName(name),
    secret: secret === null || secret === '' ? null : secret,
  };
}

/** @param {number} bytes */
function randomText(bytes) {
  return Array.from(crypto.getRandomValues(new Uint8Array(bytes)), (b) => b.toString(16).padStart(2, '0')).join('');
}

/**
 * Storage is a convenience here: a browser that refuses it still rings.
 *
 * @param {string} key
 * @param {string} value
 */
function keep(key, value) {
  try {
    localStorage.setItem(key, value);
  } catch {
    // Kept for this load only.
  }
}

/** @param {string} key */
function recall(key) {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}
