// The one place where the page says what is missing or why something ended.

import { make } from './dom.js';
import { icon } from './icons.js';

/** @typedef {import('../screen.js').Line} Line */
/** @typedef {Record<import('../screen.js').LineAction, () => void>} LineActions */

export class Notice {
  #element;
  #actions;
  #shown = '';

  /**
   * @param {HTMLElement} element
   * @param {LineActions} actions
   */
  constructor(element, actions) {
    this.#element = element;
    this.#actions = actions;
  }

  /** @param {{slot: string, lines: Line[]}} notice - `slot`: the view that it belongs to */
  show({ slot, lines }) {
    const place = document.querySelector(`[data-slot="${slot}"]`);
    if (place !== null && this.#element.parentElement !== place) {
      place.append(this.#element);
      this.#shown = '';
    }
    // A live region that is written again is read out again.
    const key = JSON.stringify([slot, lines]);
    if (key === this.#shown) return;
    this.#shown = key;
    this.#element.hidden = lines.length === 0;
    this.#element.dataset.reason = lines[0]?.reason ?? '';
    this.#element.replaceChildren(...lines.map((line) => draw(line, this.#actions)));
  }
}

/** @type {Record<Line['tone'], import('./icons.js').IconName>} */
const ICONS = { info: 'notify', ring: 'bell', warn: 'warn', wait: 'warn' };

/**
 * @param {Line} line
 * @param {LineActions} actions
 */
function draw(line, actions) {
  const words = make('div', 'notice-words', make('p', 'notice-text', line.text));
  if (line.help !== undefined) words.append(make('p', 'notice-help', line.help));
  if (line.detail !== undefined) words.append(make('p', 'notice-detail', line.detail));
  const row = make('div', 'notice-line', make('span', 'notice-icon', icon(ICONS[line.tone])), words);
  row.dataset.tone = line.tone;
  if (line.action !== undefined) {
    const { label, does } = line.action;
    const button = make('button', 'button on-glass', label);
    button.type = 'button';
    button.addEventListener('click', () => actions[does]());
    row.append(button);
  }
  return row;
}
