// Which of the views is seen, and where the keyboard goes on with it.

import { byId, told } from './dom.js';

/** @typedef {import('../screen.js').Screen} Screen */
/** @typedef {import('../screen.js').View} View */

export class Views {
  /** @type {View} */
  #shown = 'home';
  /** @type {HTMLElement|null} what had the focus before something else than Home took it */
  #focusBefore = null;

  /**
   * @param {Screen} screen
   * @returns {boolean} whether it is another view than before
   */
  show({ view, link, able, media, isTold }) {
    Object.assign(document.body.dataset, { link, able, media });
    if (isTold) told();
    if (view === this.#shown) return false;
    const { activeElement } = document;
    if (this.#shown === 'home' && activeElement instanceof HTMLElement && activeElement !== document.body) {
      this.#focusBefore = activeElement;
    }
    this.#shown = view;
    document.body.dataset.view = view;
    byId('home', HTMLElement).hidden = view !== 'home';
    byId('about', HTMLElement).hidden = view !== 'about';
    byId('stage', HTMLElement).hidden = view === 'home' || view === 'about' || view === 'ended';
    byId('ended', HTMLElement).hidden = view !== 'ended';
    return true;
  }

  /**
   * Once the view is drawn.
   *
   * @param {string} id - what gets the focus, unless Home gives it back to what had it
   */
  focus(id) {
    const before = this.#shown === 'home' && this.#focusBefore?.isConnected === true ? this.#focusBefore : null;
    (before ?? byId(id, HTMLElement)).focus();
    if (this.#shown === 'home') this.#focusBefore = null;
  }
}
