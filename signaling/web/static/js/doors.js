// What was asked of the doors in this call and what became of it.

/** @typedef {import('../../types/messages').UnlockOutcome} UnlockOutcome */
/** @typedef {import('../../types/messages').Request} Request */
/** @typedef {''|'pending'|'opened'|'refused'|'failed'|'timeout'} Outcome */

/**
 * @typedef {object} DoorState
 * @property {Outcome} outcome
 * @property {import('../../types/messages').UnlockRefusal|null} refusal
 * @property {boolean} open - the relay is energised, whoever asked for it
 * @property {number} pulseMs - how long it stays so
 * @property {boolean} pulsing - the pulse of the last request is not over
 * @property {number} request - the number of the last request, 0 before the first
 */

/** The station answers when the relay has acted, which takes milliseconds. */
export const ANSWER_MS = 3_000;
/** How long a result is shown at least; that a door was opened, as long as it is open. */
export const SHOW_MS = 4_000;

/** @type {DoorState} */
const SHUT = { outcome: '', refusal: null, open: false, pulseMs: 0, pulsing: false, request: 0 };

export class Doors {
  #send;
  #changed;
  /** @type {Map<string, DoorState>} */
  #doors = new Map();
  /** @type {Map<string, ReturnType<typeof setTimeout>>} */
  #timers = new Map();
  /** @type {Map<string, ReturnType<typeof setTimeout>>} */
  #pulses = new Map();
  #request = 0;

  /**
   * @param {(request: Request) => boolean} send
   * @param {() => void} changed
   */
  constructor(send, changed) {
    this.#send = send;
    this.#changed = changed;
  }

  /**
   * @param {string} door
   * @returns {DoorState}
   */
  state(door) {
    return this.#doors.get(door) ?? SHUT;
  }

  /** @param {string} door */
  unlock(door) {
    if (this.state(door).outcome === 'pending') return;
    this.#request += 1;
    const sent = this.#send({ type: 'unlock', request: this.#request, door });
    this.#set(door, { outcome: sent ? 'pending' : 'failed', refusal: null, request: this.#request });
    this.#later(door, sent ? 'timeout' : '', sent ? ANSWER_MS : SHOW_MS);
  }

  /**
   * @param {number} request
   * @param {string} door
   * @param {UnlockOutcome} outcome
   */
  handleResult(request, door, outcome) {
    if (this.state(door).request !== request) return;
    switch (outcome.result) {
      case 'opened':
        this.#set(door, { outcome: 'opened', pulseMs: outcome.pulse_ms, pulsing: true });
        clearTimeout(this.#pulses.get(door));
        this.#pulses.set(door, setTimeout(() => this.#set(door, { pulsing: false }), outcome.pulse_ms));
        this.#later(door, '', Math.max(SHOW_MS, outcome.pulse_ms));
        return;
      case 'refused':
        this.#set(door, { outcome: 'refused', refusal: outcome.reason });
        this.#later(door, '', SHOW_MS);
        return;
      case 'failed':
        console.warn(`Doorway: the door '${door}' could not be opened: ${outcome.message}`);
        this.#set(door, { outcome: 'failed' });
        this.#later(door, '', SHOW_MS);
        return;
    }
  }

  /**
   * @param {string} door
   * @param {boolean} open
   */
  handleState(door, open) {
    this.#set(door, { open });
  }

  close() {
    for (const timers of [this.#timers, this.#pulses]) {
      for (const timer of timers.values()) clearTimeout(timer);
      timers.clear();
    }
  }

  /**
   * @param {string} door
   * @param {Outcome} outcome
   * @param {number} ms
   */
  #later(door, outcome, ms) {
    clearTimeout(this.#timers.get(door));
    this.#timers.set(door, setTimeout(() => {
      this.#set(door, { outcome, refusal: null });
      if (outcome !== '') this.#later(door, '', SHOW_MS);
    }, ms));
  }

  /**
   * @param {string} door
   * @param {Partial<DoorState>} change
   */
  #set(door, change) {
    this.#doors.set(door, { ...this.state(door), ...change });
    this.#changed();
  }
}
