// Getting a person to look: the title of the tab, a notification, a screen that stays lit.

import { text } from './strings.js';

const FLASH_MS = 1_000;

/** @typedef {{name: string, button: string}} Caller */

export class Attention {
  /** @type {Caller|null} */
  #caller = null;
  /** @type {Notification|null} */
  #notification = null;
  #timer = 0;
  /** @type {Promise<WakeLockSentinel|null>|null} */
  #lit = null;

  constructor() {
    document.addEventListener('visibilitychange', () => {
      if (!document.hidden) this.#closeNotification();
      else if (this.#caller !== null) this.#notify(this.#caller);
      // The browser lets go of the screen whenever the page is hidden.
      if (!document.hidden && this.#lit !== null) this.#lit = requestWakeLock();
    });
  }

  /** @returns {NotificationPermission|'unsupported'} */
  get permission() {
    return 'Notification' in globalThis && isSecureContext ? Notification.permission : 'unsupported';
  }

  async askPermission() {
    if (this.permission === 'default') await Notification.requestPermission();
  }

  /**
   * Somebody rings; null when nobody does any more.
   *
   * @param {Caller|null} caller
   */
  call(caller) {
    if (caller?.name === this.#caller?.name && caller?.button === this.#caller?.button) return;
    this.#caller = caller;
    clearInterval(this.#timer);
    this.#closeNotification();
    document.title = text('page.title');
    if (caller === null) return;
    const flash = text('ringing.flash', { name: caller.name });
    document.title = flash;
    this.#timer = setInterval(() => {
      document.title = document.title === flash ? text('page.title') : flash;
    }, FLASH_MS);
    if (document.hidden) this.#notify(caller);
  }

  /** @param {boolean} wanted */
  keepLit(wanted) {
    if (wanted === (this.#lit !== null)) return;
    if (wanted) {
      this.#lit = requestWakeLock();
    } else {
      void this.#lit?.then((lock) => lock?.release());
      this.#lit = null;
    }
  }

  /** @param {Caller} caller */
  #notify({ name, button }) {
    if (this.permission !== 'granted' || this.#notification !== null) return;
    const body = button === '' || button === name ? text('notify.body') : text('notify.body.button', { button });
    try {
      const notification = new Notification(name, {
        body, icon: 'icon-192.png', tag: 'doorway-ring', requireInteraction: true,
      });
      notification.onclick = () => {
        window.focus();
        notification.close();
      };
      this.#notification = notification;
    } catch {
      // Phones allow notifications to service workers only.
    }
  }

  #closeNotification() {
    this.#notification?.close();
    this.#notification = null;
  }
}

async function requestWakeLock() {
  try {
    return await navigator.wakeLock.request('screen');
  } catch {
    return null;
  }
}
