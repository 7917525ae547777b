// What this screen is called and the secret that it has. What a link would make of them waits for a person's decision: one
// that a person gives by other means decides on it as well.

import { keepName, keepSecret, tidyName } from './identity.js';

/**
 * @typedef {object} ProfileListener
 * @property {(name: string) => void} renamed
 * @property {(secret: string) => void} secret - this one is used from now on
 * @property {() => void} changed
 */

export class Profile {
  name;
  secret;
  brought;
  #listener;

  /**
   * @param {import('./identity.js').Identity} identity
   * @param {import('./identity.js').Brought} brought
   * @param {ProfileListener} listener
   */
  constructor({ name, secret }, brought, listener) {
    this.name = name;
    this.secret = secret;
    this.brought = { ...brought };
    this.#listener = listener;
  }

  /** @param {string} name */
  rename(name) {
    this.brought.name = null;
    this.name = tidyName(name);
    keepName(this.name);
    this.#listener.renamed(this.name);
    this.#listener.changed();
  }

  /** @param {string} secret */
  useSecret(secret) {
    this.brought.secret = null;
    this.secret = secret;
    keepSecret(secret);
    this.#listener.secret(secret);
    this.#listener.changed();
  }

  /** The secret that a link brought, if any, is asked about before the name. */
  takeBrought() {
    const { name, secret } = this.brought;
    if (secret !== null) this.useSecret(secret);
    else if (name !== null) this.rename(name);
  }

  dropBrought() {
    if (this.brought.secret !== null) {
      this.brought.secret = null;
    } else {
      // Out of the address bar too, where it would be asked for again with the next load.
      keepName(this.name);
      this.brought.name = null;
    }
    this.#listener.changed();
  }
}
