// The WebSocket to the companion: says hello, keeps it alive, comes back when it breaks.

import { delayMs } from './ladder.js';
import { freshIds } from './identity.js';

/** @typedef {import('../../types/messages').ToClient} ToClient */
/** @typedef {import('../../types/messages').ClientSignal} ClientSignal */
/** @typedef {import('../../types/messages').ClientMessage} ClientMessage */
/** @typedef {import('../../types/messages').Refusal} Refusal */
/** @typedef {'connecting'|'online'|'offline'|'refused'} Link */

/** `SIGNALING_VERSION` of signaling/proto. */
const VERSION = 1;
/** The household's room; another one than the usual is named by `?room=`. */
const ROOM = new URLSearchParams(globalThis.location?.search ?? '').get('room') ?? 'home';
const PING_EVERY_MS = 10_000;
/** Without any frame for this long after a ping the connection is dead, whatever the browser still believes. */
const SILENCE_MS = 5_000;
/** The same where there is a reason for doubt. */
const CHECK_MS = 2_000;
/** A connection that isn't there after this long is tried anew. */
const OPEN_MS = 8_000;
/** The rung of the ladder that a companion which refuses for lack of room is tried from. */
const PATIENT = 4;
/** So many tries in vain are no hiccup. */
const LONG = 5;
const RELOADED_KEY = 'doorway.reloaded';

export class Companion {
  /** @type {Link} */
  link = 'connecting';
  /** @type {Refusal|null} why the companion refused this page, while `link` is `refused` */
  refusal = null;

  #identity;
  #url;
  #listener;
  /** @type {WebSocket|null} */
  #socket = null;
  #attempt = 0;
  #retryTimer = 0;
  #pingTimer = 0;
  #silenceTimer = 0;
  /** When `#silenceTimer` ends; infinite while nothing is waited for. */
  #silentAt = Infinity;

  /**
   * @param {string} url
   * @param {import('./identity.js').Identity} identity
   * @param {{message: (message: ToClient) => void, link: () => void}} listener
   */
  constructor(url, identity, listener) {
    this.#url = url;
    this.#identity = { ...identity };
    this.#listener = listener;
    addEventListener('online', () => this.check());
    document.addEventListener('visibilitychange', () => {
      if (!document.hidden) this.check();
    });
    // From one network into another, a socket looks alive though it leads nowhere.
    /** @type {{connection?: EventTarget}} */ (navigator).connection?.addEventListener('change', () => this.check());
  }

  /** This page's id among the endpoints. */
  get id() {
    return this.#identity.id;
  }

  /** Whether it was tried for long enough that a person may want to do something. */
  get isAwayForLong() {
    return this.#attempt >= LONG;
  }

  connect() {
    this.#drop();
    if (this.#attempt === 0) this.#setLink('connecting');
    const socket = new WebSocket(this.#url);
    this.#socket = socket;
    this.#expect(socket, OPEN_MS);
    socket.onopen = () => socket.send(JSON.stringify(this.#hello()));
    socket.onmessage = (event) => this.#handleFrame(socket, event.data);
    socket.onclose = () => this.#lost(socket);
  }

  /**
   * Connects with another secret.
   *
   * @param {string|null} secret
   */
  retryWith(secret) {
    this.#identity.secret = secret;
    this.refusal = null;
    this.#attempt = 0;
    this.#setLink('connecting');
    this.connect();
  }

  /**
   * Goes by another name from now on, which the companion learns in a new hello.
   *
   * @param {string} name
   */
  rename(name) {
    this.#identity.name = name;
    if (this.link !== 'refused') this.connect();
  }

  /**
   * Passes a signal to a station; false when there is no connection to pass it on.
   *
   * @param {string} to
   * @param {ClientSignal} signal
   */
  signal(to, signal) {
    return this.#send({ type: 'signal', to, signal });
  }

  /**
   * Finds out at once whether the companion is there, where something speaks for a change: no reason to sit out the
   * ladder, nor to believe a socket that may be dead.
   */
  check() {
    if (this.link === 'offline' && this.#socket === null) this.connect();
    else if (this.link === 'online' && this.#socket !== null) this.#ping(this.#socket, CHECK_MS);
  }

  /** @param {ClientMessage} message */
  #send(message) {
    if (this.link !== 'online' || this.#socket?.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(JSON.stringify(message));
    return true;
  }

  /** @returns {import('../../types/messages').Hello} */
  #hello() {
    const { id, resume, name, secret } = this.#identity;
    return {
      type: 'hello', version: VERSION, room: ROOM, id, resume,
      ...(secret === null ? {} : { secret }),
      role: { kind: 'client', ...(name === '' ? {} : { name }) },
    };
  }

  /**
   * @param {WebSocket} socket
   * @param {unknown} data
   */
  #handleFrame(socket, data) {
    if (socket !== this.#socket) return;
    this.#stopExpecting();
    const message = parse(data);
    if (message === null) {
      console.warn('Doorway: the companion sent something that is no message; ignored');
      return;
    }
    switch (message.type) {
      case 'welcome':
        this.#attempt = 0;
        this.refusal = null;
        this.#setLink('online');
        forgetReload();
        this.#pingTimer = setInterval(() => this.#ping(socket, SILENCE_MS), PING_EVERY_MS);
        break;
      case 'refused':
        this.#handleRefusal(message.code, message.message);
        return;
      case 'pong':
        return;
      case 'station':
      case 'station_gone':
      case 'signal':
      case 'undeliverable':
        break;
    }
    this.#listener.message(message);
  }

  /**
   * @param {Refusal} code
   * @param {string} message
   */
  #handleRefusal(code, message) {
    console.warn(`Doorway: the companion refused this page (${code}): ${message}`);
    this.refusal = code;
    switch (code) {
      case 'version':
        // The companion was updated under an open page: its new page speaks its language. Once, not for ever.
        if (mayReload()) location.reload();
        else this.#stop();
        return;
      case 'secret':
      case 'unclaimed':
        this.#stop();
        return;
      case 'id_taken':
      case 'replaced':
        Object.assign(this.#identity, freshIds());
        return;
      case 'full':
      case 'foreign_station':
      case 'too_fast':
      case 'too_slow':
      case 'malformed':
        this.#attempt = Math.max(this.#attempt, PATIENT);
        return;
    }
  }

  /**
   * @param {WebSocket} socket
   * @param {number} patienceMs - without any frame for this long the connection is dead
   */
  #ping(socket, patienceMs) {
    // What is waited for already comes no later for being asked again.
    if (this.#silentAt <= performance.now() + patienceMs) return;
    if (this.#send({ type: 'ping' })) this.#expect(socket, patienceMs);
  }

  /**
   * @param {WebSocket} socket
   * @param {number} ms
   */
  #expect(socket, ms) {
    this.#stopExpecting();
    this.#silentAt = performance.now() + ms;
    this.#silenceTimer = setTimeout(() => this.#lost(socket), ms);
  }

  #stopExpecting() {
    clearTimeout(this.#silenceTimer);
    this.#silentAt = Infinity;
  }

  /** @param {WebSocket} socket */
  #lost(socket) {
    if (socket !== this.#socket) return;
    this.#drop();
    const wait = delayMs(this.#attempt, Math.random());
    this.#attempt += 1;
    if (this.#attempt === LONG) this.#listener.link();
    this.#setLink('offline');
    this.#retryTimer = setTimeout(() => this.connect(), wait);
  }

  /** Gives up until a person does something. */
  #stop() {
    this.#drop();
    this.#setLink('refused');
  }

  #drop() {
    clearTimeout(this.#retryTimer);
    this.#stopExpecting();
    clearInterval(this.#pingTimer);
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
  }

  /** @param {Link} link */
  #setLink(link) {
    if (this.link === link) return;
    this.link = link;
    this.#listener.link();
  }
}

const KNOWN = new Set(['welcome', 'refused', 'station', 'station_gone', 'signal', 'undeliverable', 'pong']);

/**
 * @param {unknown} data
 * @returns {ToClient|null}
 */
export function parse(data) {
  if (typeof data !== 'string') return null;
  try {
    const message = JSON.parse(data);
    return typeof message === 'object' && message !== null && KNOWN.has(message.type) ? message : null;
  } catch {
    return null;
  }
}

function mayReload() {
  try {
    if (sessionStorage.getItem(RELOADED_KEY) !== null) return false;
    sessionStorage.setItem(RELOADED_KEY, 'yes');
    return true;
  } catch {
    return false;
  }
}

function forgetReload() {
  try {
    sessionStorage.removeItem(RELOADED_KEY);
  } catch {
    // Nothing was kept either.
  }
}
