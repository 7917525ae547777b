// Setting up a station that nobody has set up: what is sent, and what makes a good secret. `signaling/server/src/claim.rs`
// is the judge; what is checked here only says so sooner.

import { patiently } from './patience.js';

/** @typedef {'open'|'late'|'press'|'done'|'unreachable'} ClaimState */
/**
 * @typedef {'name'|'secret_short'|'secret_long'|'secret_simple'|'too_often'|'late'|'press'|'done'|'not_kept'|'malformed'|'unreachable'} Problem
 */

const SECRET_CHARACTERS = 12;
const SECRET_BYTES = 256;
const NAME_CHARACTERS = 64;
const PATIENCE_MS = 10_000;

/** Without what people confuse when they copy it from one screen to another. */
const ALPHABET = 'abcdefghjkmnpqrstuvwxyz23456789';
const GROUPS = 4;
const OF_GROUP = 4;

/** @type {ReadonlySet<string>} */
const PROBLEMS = new Set(['name', 'secret_short', 'secret_long', 'secret_simple', 'too_often', 'late', 'press', 'done', 'not_kept', 'malformed']);

/** Whether the station can be set up now. @returns {Promise<ClaimState>} */
export async function claimState() {
  try {
    return await patiently(PATIENCE_MS, async (signal) => {
      const answer = await fetch('claim', { cache: 'no-store', signal });
      // Once it is set up and was started anew, it knows nothing of this.
      if (answer.status === 404) return 'done';
      const { state } = await answer.json();
      return state === 'open' || state === 'late' || state === 'press' || state === 'done' ? state : 'unreachable';
    });
  } catch {
    return 'unreachable';
  }
}

/**
 * Sets the station up; null when it is.
 *
 * @param {string} name
 * @param {string} secret
 * @returns {Promise<Problem|null>}
 */
export async function claim(name, secret) {
  try {
    return await patiently(PATIENCE_MS, async (signal) => {
      const answer = await fetch('claim', {
        method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ name, secret }), signal,
      });
      if (answer.ok) return null;
      const { problem } = await answer.json();
      return PROBLEMS.has(problem) ? problem : 'malformed';
    });
  } catch {
    return 'unreachable';
  }
}

/**
 * What speaks against a name and a secret; null when nothing does.
 *
 * @param {string} name
 * @param {string} secret
 * @returns {'name'|'secret_short'|'secret_long'|'secret_simple'|null}
 */
export function problemOf(name, secret) {
  const characters = [...secret.trim()].map((one) => one.codePointAt(0) ?? 0);
  const named = [...name.trim()].length;
  if (named === 0 || named > NAME_CHARACTERS) return 'name';
  if (characters.length < SECRET_CHARACTERS) return 'secret_short';
  if (new TextEncoder().encode(secret.trim()).length > SECRET_BYTES) return 'secret_long';
  const steps = characters.slice(1).map((one, index) => one - (characters[index] ?? 0));
  return new Set(characters).size < 5 || new Set(steps).size < 3 ? 'secret_simple' : null;
}

/** A secret that nobody guesses and that can be read out: 79 bits, such as `tk4m-92xq-hv7w-pm3d`. */
export function suggestSecret() {
  const letter = () => {
    for (;;) {
      const [random = 0] = crypto.getRandomValues(new Uint8Array(1));
      // Each letter as often as any other.
      if (random < 256 - (256 % ALPHABET.length)) return ALPHABET.charAt(random % ALPHABET.length);
    }
  };
  const group = () => Array.from({ length: OF_GROUP }, letter).join('');
  return Array.from({ length: GROUPS }, group).join('-');
}
