// What runs at the station that serves this page, and its updates: asked over HTTP with the household's secret.

/** @typedef {import('../../types/update').About} About */
/** @typedef {'here'|'elsewhere'|'refused'|'away'} Reach */

/** While something goes on, and while nothing does. */
const SOON_MS = 1_000;
const LATER_MS = 5_000;

export class Updates {
  /** @type {About|null} what the station told last */
  about = null;
  /** @type {Reach} whether the station that serves this page tells about itself */
  reach = 'away';
  /** Whether an upload of this page is on. */
  sending = false;

  #secret;
  #changed;
  #timer = 0;
  #shown = false;

  /**
   * @param {() => string|null} secret
   * @param {() => void} changed
   */
  constructor(secret, changed) {
    this.#secret = secret;
    this.#changed = changed;
  }

  /**
   * Asks now and then while a person looks, and not otherwise.
   *
   * @param {boolean} shown
   */
  follow(shown) {
    if (shown === this.#shown) return;
    this.#shown = shown;
    clearTimeout(this.#timer);
    if (shown) void this.#look();
  }

  /**
   * Sends a bundle from this device. The browser reads it from the disk as it goes.
   *
   * @param {File} file
   */
  async send(file) {
    this.sending = true;
    this.#again(0);
    try {
      await this.#ask('bundle', file);
    } finally {
      this.sending = false;
      this.#again(0);
    }
  }

  /** Has the station fetch the bundle from its configured address. */
  fetch() {
    return this.#ask('fetch', '{}');
  }

  check() {
    return this.#ask('check', null);
  }

  restart() {
    return this.#ask('restart', null);
  }

  dismiss() {
    return this.#ask('dismiss', null);
  }

  /**
   * How it went is in what the station tells next.
   *
   * @param {string} what
   * @param {BodyInit|null} body
   */
  async #ask(what, body) {
    try {
      await fetch(`update/${what}`, {
        method: 'POST', body, headers: {
          ...this.#authorization(), ...(typeof body === 'string' ? { 'content-type': 'application/json' } : {}),
        },
      });
    } catch {
      // Out of reach; so the next look says.
    }
    this.#again(0);
  }

  async #look() {
    const { reach, about } = await this.#tell();
    if (!this.#shown) return;
    this.reach = reach;
    if (about !== null) this.about = about;
    this.#changed();
    const state = this.about?.update.phase.state;
    const quiet = state === 'idle' || state === 'failed' || state === 'installed';
    this.#again(quiet && reach === 'here' && !this.sending ? LATER_MS : SOON_MS);
  }

  /** @returns {Promise<{reach: Reach, about: About|null}>} */
  async #tell() {
    try {
      const answer = await fetch('update', { headers: this.#authorization(), cache: 'no-store' });
      if (answer.ok) return { reach: 'here', about: await answer.json() };
      return { reach: answer.status === 401 ? 'refused' : answer.status === 404 ? 'elsewhere' : 'away', about: null };
    } catch {
      return { reach: 'away', about: null };
    }
  }

  /** @param {number} ms */
  #again(ms) {
    if (!this.#shown) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#look(), ms);
  }

  /** @returns {Record<string, string>} */
  #authorization() {
    const secret = this.#secret();
    return secret === null ? {} : { authorization: `Bearer ${secret}` };
  }
}
