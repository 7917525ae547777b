// The one place where the page says what is missing or why something ended.

import { make } from './dom.js';
import { icon } from './icons.js';

/**
 * @typedef {object} Line
 * @property {string} reason - for `data-reason`; the first line's counts
 * @property {string} text
 * @property {string} [help] - what to do about it
 * @property {string} [detail] - a sentence for the installer, in the station's words
 * @property {'info'|'ring'|'warn'|'wait'} tone
 * @property {{label: string, run: () => void}} [action]
 */

export class Notice {
  #element;
  #shown = '';

  /** @param {HTMLElement} element */
  constructor(element) {
    this.#element = element;
  }

  /**
   * @param {Line[]} lines - the most important one first
   * @param {string} slot - the view that it belongs to
   */
  show(lines, slot) {
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
    this.#element.replaceChildren(...lines.map(draw));
  }
}

/** @type {Record<Line['tone'], import('./icons.js').IconName>} */
const ICONS = { info: 'notify', ring: 'bell', warn: 'warn', wait: 'warn' };

/** @param {Line} line */
function draw(line) {
  const words = make('div', 'notice-words', make('p', 'notice-text', line.text));
  if (line.help !== undefined) words.append(make('p', 'notice-help', line.help));
  if (line.detail !== undefined) words.append(make('p', 'notice-detail', line.detail));
  const row = make('div', 'notice-line', make('span', 'notice-icon', icon(ICONS[line.tone])), words);
  row.dataset.tone = line.tone;
  if (line.action !== undefined) {
    const { label, run } = line.action;
    const button = make('button', 'button on-glass', label);
    button.type = 'button';
    button.addEventListener('click', run);
    row.append(button);
  }
  return row;
}
