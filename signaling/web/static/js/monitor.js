// Asks the shown call's connection once a second how it is.

import { between, grade, sample, Steady } from './quality.js';

const EVERY_MS = 1_000;

/** @typedef {{level: import('./quality.js').Level, interval: import('./quality.js').Interval}} Reading */

export class Monitor {
  /** @type {Reading|null} */
  reading = null;

  #changed;
  /** @type {RTCPeerConnection|null} */
  #connection = null;
  /** @type {import('./quality.js').Sample|null} */
  #last = null;
  #steady = new Steady();
  #timer = 0;

  /** @param {() => void} changed */
  constructor(changed) {
    this.#changed = changed;
  }

  /** @param {RTCPeerConnection|null} connection */
  follow(connection) {
    if (connection === this.#connection) return;
    clearInterval(this.#timer);
    this.#connection = connection;
    this.#last = null;
    this.#steady = new Steady();
    this.reading = null;
    if (connection !== null) this.#timer = setInterval(() => void this.#look(connection), EVERY_MS);
  }

  /** @param {RTCPeerConnection} connection */
  async #look(connection) {
    if (connection.connectionState !== 'connected') return;
    const next = sample(await connection.getStats());
    if (connection !== this.#connection) return;
    const last = this.#last;
    this.#last = next;
    if (last === null) return;
    const interval = between(last, next);
    this.reading = { level: this.#steady.take(grade(interval)), interval };
    this.#changed();
  }
}
