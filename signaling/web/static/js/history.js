// The call list: what rang, was watched, and what became of it. Pure, but for the store at the end.

/** @typedef {'missed'|'declined'|'elsewhere'|'watched'|'answered'} Outcome */

/**
 * @typedef {object} Entry
 * @property {string} call - the station's id of the call
 * @property {number} at - ms since the Unix epoch, by this page's clock
 * @property {string} name - of the station
 * @property {string} label - of the button; empty for a watch
 * @property {Outcome} outcome
 * @property {number} seconds - how long it was talked or watched
 */

export const MAX_ENTRIES = 50;
const KEY = 'doorway.calls';

/** Two pages of one browser keep one list: of what they say about a call, the later one of these counts. */
const WEIGHT = /** @type {Record<Outcome, number>} */ ({
  missed: 0, elsewhere: 1, declined: 2, watched: 3, answered: 4,
});

/**
 * The list with `entry` in it, newest first, the oldest dropped beyond 50.
 *
 * @param {Entry[]} list
 * @param {Entry} entry
 * @returns {Entry[]}
 */
export function record(list, entry) {
  const known = list.find((other) => other.call === entry.call);
  if (known !== undefined && WEIGHT[known.outcome] > WEIGHT[entry.outcome]) return list;
  return [entry, ...list.filter((other) => other.call !== entry.call)]
    .sort((a, b) => b.at - a.at)
    .slice(0, MAX_ENTRIES);
}

/**
 * What a call that is over counts as; null when it is not worth a line.
 *
 * @param {import('./call.js').Call} call
 * @returns {Outcome|null}
 */
export function outcomeOf(call) {
  if (call.id === null) return null;
  if (call.talked) return 'answered';
  if (call.button === null) return 'watched';
  switch (call.reason) {
    case 'answered_elsewhere':
    case 'busy':
      return 'elsewhere';
    case 'declined':
      return 'declined';
    case 'hung_up':
    case 'ring_timeout':
    case 'max_duration':
    case 'connection_lost':
    case 'handshake_failed':
    case 'station_closing':
    case 'malformed':
    case 'station_gone':
    case 'closed':
    case null:
      return 'missed';
  }
}

/**
 * How long it was talked, or watched where nobody talked.
 *
 * @param {Pick<import('./session.js').Session, 'call'|'startedAt'|'talkingSince'>} over
 * @param {number} now - ms since the Unix epoch
 */
export function secondsOf({ call, startedAt, talkingSince }, now) {
  const since = talkingSince ?? (outcomeOf(call) === 'watched' ? startedAt : null);
  return since === null ? 0 : Math.round((now - since) / 1_000);
}

/**
 * Whatever storage gives back, as a list; what does not look like an entry is dropped.
 *
 * @param {string|null} text
 * @returns {Entry[]}
 */
export function parseEntries(text) {
  try {
    const list = JSON.parse(text ?? '[]');
    return Array.isArray(list) ? list.filter(isEntry).slice(0, MAX_ENTRIES) : [];
  } catch {
    return [];
  }
}

/**
 * @param {any} value
 * @returns {value is Entry}
 */
function isEntry(value) {
  return typeof value === 'object' && value !== null
    && typeof value.call === 'string' && typeof value.name === 'string' && typeof value.label === 'string'
    && Number.isFinite(value.at) && Number.isFinite(value.seconds) && Object.keys(WEIGHT).includes(value.outcome);
}

/** The list in the browser's storage, or in memory where that is refused. */
export class History {
  /** @type {Entry[]} */
  #list;
  #changed;

  /** @param {() => void} changed - another page of this browser wrote */
  constructor(changed) {
    this.#list = this.#read() ?? [];
    this.#changed = changed;
    addEventListener('storage', (event) => {
      if (event.key !== KEY) return;
      this.#list = this.#read() ?? [];
      this.#changed();
    });
  }

  get entries() {
    return this.#list;
  }

  /** @param {Entry} entry */
  add(entry) {
    // Another page may have written since: its lines are not ours to lose.
    this.#write(record(this.#read() ?? this.#list, entry));
  }

  clear() {
    this.#write([]);
  }

  #read() {
    try {
      return parseEntries(localStorage.getItem(KEY));
    } catch {
      return null;
    }
  }

  /** @param {Entry[]} list */
  #write(list) {
    this.#list = list;
    try {
      localStorage.setItem(KEY, JSON.stringify(list));
    } catch {
      // Kept for this load only.
    }
    this.#changed();
  }
}
