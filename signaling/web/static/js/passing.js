// What is told for a moment, and then gone by itself.

/** @template T */
export class Passing {
  /** @type {T|null} */
  value = null;

  #ms;
  #changed;
  #timer = 0;

  /**
   * @param {number} ms - how long it stays
   * @param {() => void} changed
   */
  constructor(ms, changed) {
    this.#ms = ms;
    this.#changed = changed;
  }

  /** @param {T} value */
  set(value) {
    clearTimeout(this.#timer);
    this.value = value;
    this.#timer = setTimeout(() => this.clear(), this.#ms);
    this.#changed();
  }

  clear() {
    if (this.value === null) return;
    clearTimeout(this.#timer);
    this.value = null;
    this.#changed();
  }
}
