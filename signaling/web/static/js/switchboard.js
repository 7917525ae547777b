// Which stations there are, which calls are on, and which of them the page shows.
//
// Mostly there is one call. When a second station rings, it waits beside the one that is shown, and never takes the
// page away from a person who talks.

import { canCall } from './ability.js';
import { ring, watch } from './call.js';
import { Session } from './session.js';

/** @typedef {import('../../types/messages').Station} Station */
/** @typedef {import('../../types/messages').StationSignal} StationSignal */
/** @typedef {import('../../types/messages').ToClient} ToClient */
/** @typedef {Extract<StationSignal, {type: 'ring'}>} Ring */

/** Calls that are on at the same time; a further ring is not taken and ends at its station by itself. */
const MAX_SESSIONS = 4;
/** Ids of calls that are over, so that a late message can't bring one back; the oldest is forgotten first. */
const MAX_FINISHED = 64;

/**
 * @typedef {object} SwitchboardListener
 * @property {() => void} changed - something that is shown
 * @property {(session: Session) => void} rang
 * @property {(station: string) => void} rangInVain - this browser can't take a call
 * @property {(session: Session, shown: boolean) => void} over - `shown`: it was the one in front
 * @property {(session: Session) => void} pressedAgain
 */

export class Switchboard {
  /** @type {Map<string, Station>} */
  stations = new Map();
  /** @type {Session|null} the call that is shown */
  front = null;
  /** @type {Session[]} calls that ring beside it, oldest first */
  waiting = [];

  #companion;
  #sound;
  #listener;
  /** @type {Set<string>} */
  #finished = new Set();
  #online = false;

  /**
   * @param {import('./companion.js').Companion} companion
   * @param {HTMLAudioElement} sound
   * @param {SwitchboardListener} listener
   */
  constructor(companion, sound, listener) {
    this.#companion = companion;
    this.#sound = sound;
    this.#listener = listener;
  }

  /** @param {ToClient} message */
  handle(message) {
    switch (message.type) {
      case 'welcome':
        this.#handleWelcome(message.stations);
        return;
      case 'station':
        this.stations.set(message.station.id, message.station);
        this.#tellReach(message.station.id);
        for (const session of this.#of(message.station.id)) this.#tellActivity(session);
        this.#listener.changed();
        return;
      case 'station_gone':
        this.stations.delete(message.id);
        this.#tellReach(message.id);
        this.#listener.changed();
        return;
      case 'signal':
        this.#handleSignal(message.from, message.signal);
        return;
      case 'undeliverable':
        for (const session of this.#of(message.to)) {
          if (session.call.phase === 'requested') session.handle({ type: 'ended', reason: 'station_gone' });
        }
        return;
      case 'refused':
      case 'pong':
        return;
    }
  }

  /** The companion was found or lost. */
  handleLink() {
    this.#online = this.#companion.link === 'online';
    for (const session of this.#all()) this.#tellReach(session.call.station);
    this.#listener.changed();
  }

  /** @param {string} station */
  watch(station) {
    if (this.front !== null || !canCall()) return;
    this.#open(watch(station), station, false);
  }

  /**
   * Shows a call that waits. One that merely rings goes on ringing beside it; any other is ended.
   *
   * @param {Session} session
   */
  show(session) {
    const index = this.waiting.indexOf(session);
    const { front } = this;
    if (index < 0 || front === null) return;
    this.waiting.splice(index, 1);
    if (front.call.phase === 'ringing') {
      this.front = session;
      this.waiting.push(front);
      session.release();
      this.#listener.changed();
    } else {
      this.waiting.unshift(session);
      front.handle({ type: 'hang_up' });
    }
  }

  /** The page is going away. */
  leave() {
    for (const session of this.#all()) session.leave();
  }

  /** @param {Station[]} stations */
  #handleWelcome(stations) {
    this.stations = new Map(stations.map((station) => [station.id, station]));
    for (const session of this.#all()) {
      const { station } = session.call;
      this.#tellReach(station);
      const activity = this.stations.get(station)?.activity;
      // Somebody else may have answered while this page was away.
      const rangOut = session.call.phase === 'ringing' && activity === 'in_call';
      if (activity === 'idle' || rangOut) session.handle({ type: 'station_idle' });
      this.#tellActivity(session);
    }
    this.#listener.changed();
  }

  /**
   * @param {string} from
   * @param {StationSignal} signal
   */
  #handleSignal(from, signal) {
    switch (signal.type) {
      case 'ring':
        this.#handleRing(from, signal);
        return;
      case 'offer':
        this.#handleOffer(from, signal.call, signal.offer);
        return;
      case 'candidate':
        this.#find(from, signal.call)?.addCandidate(signal.candidate);
        return;
      case 'accepted':
        this.#find(from, signal.call)?.handle({ type: 'accepted' });
        return;
      case 'channel_missing':
        this.#find(from, signal.call)?.missChannel();
        return;
      case 'ended':
        this.#handleEnded(from, signal.call ?? null, signal.reason);
        return;
      default:
        console.info('Doorway: a station sent a signal that this page does not know; ignored');
    }
  }

  /**
   * @param {string} from
   * @param {Ring} signal
   */
  #handleRing(from, signal) {
    performance.mark('doorway:ring');
    const { call, button, offer = null, timeout_ms: timeoutMs } = signal;
    const known = this.#find(from, call);
    if (known === undefined && this.#finished.has(call)) {
      this.#companion.signal(from, { type: 'decline', call });
      return;
    }
    if (!canCall()) {
      this.#listener.rangInVain(from);
      return;
    }
    if (known === undefined && this.#all().length >= MAX_SESSIONS) return;
    if (known === undefined) this.#ring(from, signal);
    else known.handle({ type: 'rung', button, offer, timeoutMs });
    // Said of a ring that is shown and can be answered: the station counts whom it has reached.
    this.#companion.signal(from, { type: 'rang', call });
    const session = this.#find(from, call);
    if (session !== undefined) this.#listener.rang(session);
  }

  /**
   * Opens a call that rings here for the first time.
   *
   * @param {string} from
   * @param {Ring} signal
   */
  #ring(from, { call, button, offer = null, timeout_ms: timeoutMs }) {
    // Somebody at a door matters more than a picture of another door.
    const { front } = this;
    if (front !== null && (front.call.phase === 'watching' || front.call.phase === 'requested')) {
      front.handle({ type: 'hang_up' });
    }
    const busy = this.front !== null && this.front.call.phase !== 'ringing';
    this.#open(ring(call, from, button, offer, timeoutMs), from, busy);
  }

  /**
   * @param {string} from
   * @param {string} call
   * @param {string} offer
   */
  #handleOffer(from, call, offer) {
    const session = this.#find(from, call) ?? this.#of(from).find((one) => one.call.phase === 'requested');
    if (session === undefined) {
      // A watch that was closed before the station had named it, or a call that is over here.
      this.#companion.signal(from, { type: 'hang_up', call });
      return;
    }
    session.handle({ type: 'offered', id: call, offer });
  }

  /**
   * @param {string} from
   * @param {string|null} call
   * @param {import('../../types/messages').EndReason} reason
   */
  #handleEnded(from, call, reason) {
    const session = call === null
      ? this.#of(from).find((one) => one.call.phase === 'requested')
      : this.#find(from, call);
    session?.handle({ type: 'ended', reason });
  }

  /**
   * @param {import('./call.js').Step} first
   * @param {string} station
   * @param {boolean} held
   */
  #open(first, station, held) {
    const session = new Session(first, {
      signal: (signal) => this.#companion.signal(station, signal),
      checkLink: () => this.#companion.check(),
      sound: this.#sound,
      changed: (one) => this.#handleChange(one),
      pressedAgain: (one) => this.#listener.pressedAgain(one),
    }, { held });
    if (this.front === null) this.front = session;
    else this.waiting.push(session);
    this.#tellReach(station);
    this.#listener.changed();
    return session;
  }

  /** @param {Session} session */
  #handleChange(session) {
    if (session.over) this.#remove(session);
    else this.#tellActivity(session);
    this.#listener.changed();
  }

  /**
   * A connection that broke off to a station that is idle does not come back: the station was restarted. And a station
   * may ring other screens only.
   *
   * @param {Session} session
   */
  #tellActivity(session) {
    const { station, media, phase, rang } = session.call;
    const activity = this.stations.get(station)?.activity;
    if (activity === 'idle' && media === 'reconnecting') session.handle({ type: 'station_idle' });
    const begun = phase === 'watching' || phase === 'answering';
    if (activity === 'ringing' && begun && !rang) session.handle({ type: 'station_rings' });
  }

  /** @param {Session} session */
  #remove(session) {
    const index = this.waiting.indexOf(session);
    if (index < 0 && this.front !== session) return;
    // A call that was lost may ring again under its id, and so may one that was only watched; one that rang here and was
    // ended by somebody may not.
    const { id, button, reason } = session.call;
    if (id !== null && button !== null && reason !== 'connection_lost') this.#finish(id);
    const shown = index < 0;
    if (shown) this.front = this.waiting.shift() ?? null;
    else this.waiting.splice(index, 1);
    this.front?.release();
    this.#listener.over(session, shown);
  }

  /** @param {string} call */
  #finish(call) {
    this.#finished.add(call);
    if (this.#finished.size <= MAX_FINISHED) return;
    const [oldest] = this.#finished;
    if (oldest !== undefined) this.#finished.delete(oldest);
  }

  /** @param {string} station */
  #tellReach(station) {
    const reachable = this.#online && this.stations.has(station);
    for (const session of this.#of(station)) {
      if (session.call.reachable !== reachable) session.handle({ type: 'reachable', reachable });
    }
  }

  #all() {
    return this.front === null ? this.waiting : [this.front, ...this.waiting];
  }

  /** @param {string} station */
  #of(station) {
    return this.#all().filter((session) => session.call.station === station);
  }

  /**
   * @param {string} station
   * @param {string} call
   */
  #find(station, call) {
    return this.#of(station).find((session) => session.call.id === call);
  }
}
