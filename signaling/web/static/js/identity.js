// Who this page is to the companion: an id of its own for every load, a name that people read, the shared secret.

const NAME_KEY = 'doorway.name';
const SECRET_KEY = 'doorway.secret';
const MAX_NAME = 64;

/** @typedef {{id: string, resume: string, name: string, secret: string|null}} Identity */

/**
 * Reads `?name=` and `#secret=`, keeps both, and takes the secret out of the address bar, where it would be seen,
 * bookmarked and sent to others.
 *
 * @returns {Identity}
 */
export function readIdentity() {
  const { name, secret } = parseAddress(location.search, location.hash);
  if (name !== null) keep(NAME_KEY, name);
  if (secret !== null) {
    keep(SECRET_KEY, secret);
    history.replaceState(history.state, '', location.pathname + location.search);
  }
  return {
    ...freshIds(),
    name: name ?? recall(NAME_KEY) ?? '',
    secret: secret ?? recall(SECRET_KEY),
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
  history.replaceState(history.state, '', `${location.pathname}${search.size > 0 ? `?${search}` : ''}${location.hash}`);
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
