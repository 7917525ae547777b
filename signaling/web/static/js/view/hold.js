// The control that opens a door: held, so that no pocket and no stray tap opens a house.
//
// A screen reader presses without holding. Such a press asks for a second one instead.

import { announce, make, setText } from './dom.js';
import { icon, shape } from './icons.js';
import { setName } from './name.js';
import { text } from '../strings.js';

/** @typedef {import('../doors.js').DoorState} DoorState */

export const HOLD_MS = 600;
const CONFIRM_MS = 4_000;
const HINT_MS = 1_800;

export class HoldToOpen {
  element;
  #door;
  #open;
  #words = make('span', 'hold-words');
  #sign = make('span', 'hold-sign');
  #timer = 0;
  #hintTimer = 0;
  /** @type {import('../strings.js').Key|null} */
  #hint = null;
  #armed = false;
  #held = false;
  /** @type {DoorState|null} */
  #state = null;
  /** @type {import('../strings.js').Key|null} why it can't be opened now */
  #shut = null;

  /**
   * @param {import('../../../types/messages').Door} door
   * @param {string} id
   * @param {() => void} open
   */
  constructor(door, id, open) {
    this.#door = door;
    this.#open = open;
    const label = make('span', 'hold-door');
    setName(label, door.label);
    this.element = make('button', 'hold', this.#sign,
      make('span', 'hold-text', this.#words, ' ', label));
    this.element.id = id;
    this.element.type = 'button';
    this.element.disabled = true;
    this.element.dataset.door = door.id;
    this.element.dataset.outcome = '';
    this.#listen();
  }

  get door() {
    return this.#door;
  }

  /**
   * @param {DoorState} state
   * @param {boolean} enabled
   * @param {import('../strings.js').Key|null} shut - why it can't be opened now, where a person can do something about it
   */
  render(state, enabled, shut) {
    const before = this.#state?.outcome;
    this.#state = state;
    this.#shut = shut;
    const { element } = this;
    element.disabled = !enabled;
    element.dataset.outcome = state.outcome;
    element.dataset.open = String(state.open);
    element.style.setProperty('--pulse', `${Math.max(state.pulseMs, 400)}ms`);
    if (state.outcome === 'pending' || !enabled) this.#release();
    if (state.outcome !== '') this.#setHint(null);
    this.#write();
    if (before !== undefined && before !== state.outcome && state.outcome !== '' && state.outcome !== 'pending') {
      announce(`${this.#door.label}: ${text(wordsOf(state))}`);
    }
  }

  #listen() {
    const { element } = this;
    element.addEventListener('pointerdown', (event) => {
      if (event.button !== 0) return;
      element.setPointerCapture(event.pointerId);
      this.#press();
    });
    element.addEventListener('pointerup', () => this.#letGo());
    element.addEventListener('pointercancel', () => this.#letGo());
    element.addEventListener('contextmenu', (event) => event.preventDefault());
    element.addEventListener('keydown', (event) => {
      if (event.key !== ' ' && event.key !== 'Enter') return;
      event.preventDefault();
      if (!event.repeat) this.#press();
    });
    element.addEventListener('keyup', (event) => {
      if (event.key !== ' ' && event.key !== 'Enter') return;
      event.preventDefault();
      this.#letGo();
    });
    element.addEventListener('blur', () => this.#release());
    element.addEventListener('click', (event) => {
      // `detail` counts the pointer's clicks: 0 is a press by other means, such as a screen reader.
      if (event.detail === 0) this.#confirm();
    });
  }

  #press() {
    if (this.element.disabled || this.#state?.outcome === 'pending') return;
    this.#held = true;
    this.element.dataset.holding = 'true';
    this.#setHint(null);
    this.#write();
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#release();
      navigator.vibrate?.(30);
      this.#open();
    }, HOLD_MS);
  }

  #letGo() {
    if (!this.#held) return;
    this.#release();
    this.#setHint('door.too_short');
    this.#write();
  }

  #release() {
    clearTimeout(this.#timer);
    this.#held = false;
    this.element.dataset.holding = 'false';
    this.#write();
  }

  #confirm() {
    if (this.#armed) {
      this.#armed = false;
      this.#setHint(null);
      this.#open();
      return;
    }
    this.#armed = true;
    this.#setHint('door.confirm', CONFIRM_MS);
    announce(text('door.confirm'));
    this.#write();
  }

  /**
   * @param {import('../strings.js').Key|null} hint
   * @param {number} ms
   */
  #setHint(hint, ms = HINT_MS) {
    clearTimeout(this.#hintTimer);
    this.#hint = hint;
    if (hint === null) {
      this.#armed = false;
      return;
    }
    this.#hintTimer = setTimeout(() => {
      this.#setHint(null);
      this.#write();
    }, ms);
  }

  #write() {
    const state = this.#state;
    const outcome = state?.outcome ?? '';
    const words = this.#held ? 'door.keep_holding'
      : outcome !== '' && state !== null ? wordsOf(state)
      : this.#shut !== null ? this.#shut
      : this.#hint ?? (state?.open === true ? 'door.opened' : 'door.hold');
    setText(this.#words, text(words));
    const name = state?.open === true || state?.pulsing === true ? 'unlock'
      : outcome === 'opened' ? 'check'
      : outcome === 'refused' || outcome === 'failed' || outcome === 'timeout' ? 'warn' : 'lock';
    if (this.#sign.dataset.shown !== name) {
      this.#sign.dataset.shown = name;
      this.#sign.replaceChildren(ring(), icon(name));
    }
  }
}

/**
 * @param {DoorState} state
 * @returns {import('../strings.js').Key}
 */
function wordsOf(state) {
  switch (state.outcome) {
    case '': return 'door.hold';
    case 'pending': return 'door.pending';
    case 'opened': return state.open || state.pulsing ? 'door.opened' : 'door.was_opened';
    case 'refused': return `door.refused.${state.refusal ?? 'not_in_call'}`;
    case 'failed': return 'door.failed';
    case 'timeout': return 'door.timeout';
  }
}

function ring() {
  const svg = shape('svg', { 'class': 'hold-ring', 'viewBox': '0 0 56 56', 'aria-hidden': 'true' });
  svg.append(
    shape('circle', { 'class': 'hold-track', 'cx': '28', 'cy': '28', 'r': '25' }),
    shape('circle', { 'class': 'hold-progress', 'cx': '28', 'cy': '28', 'r': '25', 'pathLength': '1' }),
  );
  return svg;
}
