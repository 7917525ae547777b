// Getting a person to look: the title of the tab, a notification, a screen that stays lit.

import { text } from './strings.js';

const FLASH_MS = 1_000;
/** One notification at a time, whoever shows it. */
const TAG = 'doorway-ring';
/** A worker that is not there after this long is not waited for: a ring is short. */
const WORKER_MS = 5_000;

/** @typedef {{name: string, button: string}} Caller */
/**
 * `failed`: allowed, and yet nothing can be shown.
 * @typedef {NotificationPermission|'unsupported'|'failed'} Notifications
 */

export class Attention {
  /** @type {Caller|null} */
  #caller = null;
  /** @type {Notification|null} */
  #notification = null;
  #timer = 0;
  /** @type {Promise<WakeLockSentinel|null>|null} */
  #lit = null;
  /** @type {Promise<ServiceWorkerRegistration|null>|null} null until notifications are allowed, and after a try in vain */
  #worker = null;
  #failed = false;
  #changed;

  /** @param {() => void} changed - `state` */
  constructor(changed) {
    this.#changed = changed;
    if (permission() === 'granted') this.#startWorker();
    addEventListener('pagehide', () => this.#closeNotification());
    document.addEventListener('visibilitychange', () => {
      if (!document.hidden) this.#closeNotification();
      else if (this.#caller !== null) this.#notify(this.#caller);
      // The browser lets go of the screen whenever the page is hidden.
      if (!document.hidden && this.#lit !== null) this.#lit = requestWakeLock();
    });
  }

  /** @returns {Notifications} */
  get state() {
    const given = permission();
    return given === 'granted' && this.#failed ? 'failed' : given;
  }

  /** Asks for the permission. Call it inside a click. */
  async turnOn() {
    if (permission() === 'default') await Notification.requestPermission();
    if (permission() === 'granted') this.#startWorker();
    this.#changed();
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

  #startWorker() {
    if (this.#worker !== null) return;
    this.#worker = startWorker();
    void this.#worker.then((worker) => {
      if (worker === null) this.#worker = null;
      if (worker !== null) this.#setFailed(false);
      else if (!mayConstruct()) this.#setFailed(true);
    });
  }

  /** @param {Caller} caller */
  #notify(caller) {
    if (permission() !== 'granted') return;
    this.#startWorker();
    void this.#show(caller).catch((error) => {
      console.info('Doorway: the notification was not shown', error);
      this.#setFailed(true);
    });
  }

  /** @param {Caller} caller */
  async #show(caller) {
    const { name, button } = caller;
    const worker = await this.#worker;
    const isWanted = () => this.#caller === caller && document.hidden;
    if (!isWanted() || this.#notification !== null) return;
    const options = {
      body: button === '' || button === name ? text('notify.body') : text('notify.body.button', { button }),
      icon: 'icon-192.png', tag: TAG, renotify: true, requireInteraction: true, data: location.href.replace(/#.*$/, ''),
    };
    if (worker === null) {
      const notification = new Notification(name, options);
      notification.onclick = () => {
        window.focus();
        notification.close();
      };
      this.#notification = notification;
      return;
    }
    await worker.showNotification(name, options);
    const shown = await worker.getNotifications({ tag: TAG });
    this.#notification = shown[0] ?? null;
    // It stopped ringing, or somebody looked, while the browser was at it.
    if (this.#caller === null || !document.hidden) this.#closeNotification();
  }

  #closeNotification() {
    this.#notification?.close();
    this.#notification = null;
  }

  /** @param {boolean} failed */
  #setFailed(failed) {
    if (failed === this.#failed) return;
    this.#failed = failed;
    this.#changed();
  }
}

/** @returns {NotificationPermission|'unsupported'} */
function permission() {
  return 'Notification' in globalThis && isSecureContext ? Notification.permission : 'unsupported';
}

/** @returns {Promise<ServiceWorkerRegistration|null>} null where there is none, as with a certificate that is not trusted */
async function startWorker() {
  try {
    const worker = await soon(navigator.serviceWorker.register('sw.js').then(() => navigator.serviceWorker.ready));
    // What a page that was killed while it rang has left.
    for (const old of await worker.getNotifications({ tag: TAG })) old.close();
    return worker;
  } catch (error) {
    console.info('Doorway: no service worker', error);
    return null;
  }
}

/**
 * @template T
 * @param {Promise<T>} promise - which may never settle
 * @returns {Promise<T>}
 */
function soon(promise) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('not in time')), WORKER_MS);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

/**
 * Whether a page may show notifications without a worker. Browsers of phones have the constructor, but it throws, and
 * trying it elsewhere would show one.
 */
function mayConstruct() {
  return !/Android|iPhone|iPad/.test(navigator.userAgent);
}

async function requestWakeLock() {
  try {
    return await navigator.wakeLock.request('screen');
  } catch {
    return null;
  }
}
