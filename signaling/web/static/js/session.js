// One call, run: does what `call.js` decides, keeps its time limits, owns its connection and its microphone.

import { deadlines, step } from './call.js';
import { Doors } from './doors.js';
import { MicrophoneError, openMicrophone } from './microphone.js';
import { CONTROL_VERSION, Peer } from './peer.js';

/** @typedef {import('./call.js').Call} Call */
/** @typedef {import('./call.js').Event} Event */
/** @typedef {import('./call.js').Effect} Effect */
/** @typedef {import('../../types/messages').ClientSignal} ClientSignal */
/** @typedef {import('../../types/messages').MediaHealth} MediaHealth */
/** @typedef {'none'|'asking'|'live'|import('./microphone.js').MicrophoneTrouble} MicrophoneState */

/**
 * @typedef {object} Surroundings what a session needs of the page
 * @property {(signal: ClientSignal) => boolean} signal - to the session's station, by the companion
 * @property {() => void} checkLink - finds out at once whether the companion is still there
 * @property {HTMLAudioElement} sound - plays the visitor's voice
 * @property {(session: Session) => void} changed
 * @property {(session: Session) => void} pressedAgain
 */

export class Session {
  /** @type {Call} */
  call;
  /** @type {Peer|null} */
  peer = null;
  /** @type {MicrophoneState} */
  microphone = 'none';
  muted = false;
  /** The browser did not let the sound play. */
  soundBlocked = false;
  /** The station speaks another version of the call's messages than this page. */
  versionDiffers = false;
  /** The station says that there is no data channel. */
  channelMissing = false;
  /** @type {MediaHealth|null} what the station said in this call; until then its card tells */
  health = null;
  /** When it began and, once answered, when talking began; ms since the Unix epoch. */
  startedAt = Date.now();
  /** @type {number|null} */
  talkingSince = null;
  doors;

  #around;
  /** @type {Map<string, number>} */
  #timers = new Map();
  /** @type {MediaStreamTrack|null} */
  #track = null;
  /** @type {string|null} an offer that is answered once somebody looks */
  #heldOffer = null;
  #held = false;
  /** `accept` could not be said yet; it goes out by whatever opens first. */
  #acceptWaits = false;

  /**
   * @param {import('./call.js').Step} first
   * @param {Surroundings} around
   * @param {{held: boolean}} options - `held`: do not connect before `release`
   */
  constructor(first, around, { held }) {
    this.#around = around;
    this.#held = held;
    this.call = first.call;
    this.doors = new Doors((request) => this.#ask(request), () => around.changed(this));
    this.#follow(first);
  }

  get over() {
    return this.call.phase === 'over';
  }

  /** @param {Event} event */
  handle(event) {
    if (this.over) return;
    this.#follow(step(this.call, event));
    if (event.type === 'reachable') this.peer?.setReachable(event.reachable);
  }

  /** Somebody looks at it now: connect, if that was put off. */
  release() {
    this.#held = false;
    const offer = this.#heldOffer;
    this.#heldOffer = null;
    if (offer !== null && !this.over) this.#answer(offer);
  }

  /** @param {string} candidate */
  addCandidate(candidate) {
    void this.peer?.addCandidate(candidate);
  }

  /** Plays the visitor's voice, and asks for the microphone. Call it inside a click. */
  talk() {
    this.play();
    this.microphone = 'asking';
    openMicrophone().then((track) => this.#takeTrack(track), (error) => {
      if (this.over) return;
      this.microphone = error instanceof MicrophoneError ? error.trouble : 'microphone_missing';
      this.#around.changed(this);
    });
  }

  /** Mutes and unmutes; asks for a microphone where there is none. Call it inside a click. */
  toggleMicrophone() {
    if (this.microphone === 'live' || this.microphone === 'asking') this.#mute(!this.muted);
    else this.talk();
  }

  /** Something was plugged in or out: a microphone may be there now. */
  handleDevices() {
    if (this.call.phase === 'talking' && this.microphone === 'microphone_missing') this.talk();
  }

  /** Plays the visitor's voice. */
  play() {
    const { sound } = this.#around;
    const stream = this.peer?.sound ?? null;
    if (sound.srcObject !== stream) sound.srcObject = stream;
    sound.play().then(() => this.#setSoundBlocked(false), (error) => {
      if (error instanceof Error && error.name === 'NotAllowedError') this.#setSoundBlocked(true);
    });
  }

  /** The page is going away: the last words, by every way there is. */
  leave() {
    const { phase, id } = this.call;
    if (id === null || phase === 'over' || phase === 'ringing') return;
    this.peer?.send({ type: 'hang_up' });
    this.#around.signal({ type: 'hang_up', call: id });
  }

  /** @param {import('./call.js').Step} next */
  #follow({ call, effects }) {
    const before = this.call;
    this.call = call;
    if (call.phase === 'talking' && before.phase !== 'talking') {
      this.talkingSince = Date.now();
      performance.mark('doorway:accepted');
    }
    for (const effect of effects) this.#do(effect);
    this.#keepTime();
    this.#around.changed(this);
  }

  /** @param {Effect} effect */
  #do(effect) {
    switch (effect.do) {
      case 'answer':
        if (this.#held) this.#heldOffer = effect.offer;
        else this.#answer(effect.offer);
        return;
      case 'send':
        this.#say(effect.request);
        return;
      case 'check_link':
        this.#around.checkLink();
        return;
      case 'talk':
        this.talk();
        return;
      case 'close':
        this.#close();
        return;
    }
  }

  /** @param {string} offer */
  #answer(offer) {
    this.peer?.close();
    this.channelMissing = false;
    const id = this.call.id ?? '';
    const peer = new Peer(offer, {
      answer: (answer) => {
        this.#around.signal({ type: 'answer', call: id, answer });
        // Whether there will be a picture is known only now.
        this.#around.changed(this);
      },
      candidate: (candidate) => this.#around.signal({ type: 'candidate', call: id, candidate }),
      media: (media) => this.handle({ type: 'media', media }),
      channel: (open) => this.#handleChannel(open),
      event: (event) => this.#handleEvent(event),
      broken: () => this.handle({ type: 'media', media: 'reconnecting' }),
    });
    this.peer = peer;
    if (this.#track !== null) this.#attach(peer, this.#track);
    if (this.call.phase === 'answering' || this.call.phase === 'talking') this.play();
  }

  /** @param {boolean} open */
  #handleChannel(open) {
    if (open) this.channelMissing = false;
    this.handle({ type: 'channel', open });
    if (open && this.#acceptWaits) this.#say('accept');
  }

  /** @param {import('../../types/messages').Event} event */
  #handleEvent(event) {
    switch (event.type) {
      case 'hello':
        this.versionDiffers = event.version !== CONTROL_VERSION;
        if (this.versionDiffers) {
          console.warn(`Doorway: the station speaks version ${event.version} of the call's messages, this page ${CONTROL_VERSION}`);
        }
        this.#around.changed(this);
        return;
      case 'pong':
        return;
      case 'accepted':
        this.handle({ type: 'accepted' });
        return;
      case 'ended':
        this.handle({ type: 'ended', reason: event.reason });
        return;
      case 'unlock_result':
        this.doors.handleResult(event.request, event.door, event.outcome);
        return;
      case 'door_state':
        this.doors.handleState(event.door, event.open);
        return;
      case 'media':
        this.health = event.media;
        this.#around.changed(this);
        return;
      case 'pressed_again':
        this.#around.pressedAgain(this);
        return;
      case 'malformed':
        console.warn(`Doorway: the station did not understand this page: ${event.message}`);
        return;
    }
  }

  /** The station waits in vain for the data channel: doors can't be asked for. */
  missChannel() {
    this.channelMissing = !this.call.channel;
    this.#around.changed(this);
  }

  /**
   * Asks the station for what must happen now or not at all: no door opens when a connection comes back later.
   *
   * @param {import('../../types/messages').Request} request
   */
  #ask(request) {
    return this.peer?.media === 'connected' && this.peer.send(request);
  }

  /**
   * Says it over the channel when that is open, else by the companion; by both when the channel may be dead.
   *
   * @param {'accept'|'decline'|'hang_up'|'watch'|'reconnect'} request
   */
  #say(request) {
    if (request === 'watch') {
      this.#around.signal({ type: 'watch' });
      return;
    }
    if (request === 'reconnect') {
      // By the companion only: what a broken connection carries arrives when it is too late, if ever.
      if (this.call.id !== null) this.#around.signal({ type: 'reconnect', call: this.call.id });
      return;
    }
    const sent = this.peer?.send({ type: request }) ?? false;
    const sure = sent && this.peer?.media === 'connected';
    const { id } = this.call;
    const passed = !sure && id !== null && this.#around.signal({ type: request, call: id });
    this.#acceptWaits = request === 'accept' && !sent && !passed;
  }

  /** @param {boolean} muted */
  #mute(muted) {
    this.muted = muted;
    if (this.#track !== null) this.#track.enabled = !muted;
    this.#around.changed(this);
  }

  /** @param {MediaStreamTrack} track */
  #takeTrack(track) {
    if (this.over || this.#track !== null) {
      track.stop();
      return;
    }
    this.#track = track;
    this.microphone = 'live';
    track.enabled = !this.muted;
    track.onended = () => {
      // Unplugged, or taken away in the browser's settings.
      this.#track = null;
      if (this.over) return;
      this.microphone = 'microphone_missing';
      this.#around.changed(this);
    };
    if (this.peer !== null) this.#attach(this.peer, track);
    this.#around.changed(this);
  }

  /**
   * @param {Peer} peer
   * @param {MediaStreamTrack} track
   */
  #attach(peer, track) {
    peer.attach(track).then(() => performance.mark('doorway:microphone'), (error) => {
      if (!this.over) console.warn('Doorway: the microphone could not be attached', error);
    });
  }

  /** @param {boolean} blocked */
  #setSoundBlocked(blocked) {
    if (this.soundBlocked === blocked || this.over) return;
    this.soundBlocked = blocked;
    this.#around.changed(this);
  }

  /** Starts the time limits that are new and drops those that are gone. */
  #keepTime() {
    const wanted = deadlines(this.call);
    for (const [key, timer] of this.#timers) {
      if (wanted.some((deadline) => deadline.key === key)) continue;
      clearTimeout(timer);
      this.#timers.delete(key);
    }
    for (const { name, key, ms } of wanted) {
      if (this.#timers.has(key)) continue;
      this.#timers.set(key, setTimeout(() => {
        this.#timers.delete(key);
        this.handle({ type: 'deadline', name });
      }, ms));
    }
  }

  #close() {
    const { sound } = this.#around;
    if (sound.srcObject !== null && sound.srcObject === this.peer?.sound) {
      sound.pause();
      sound.srcObject = null;
    }
    if (this.#track !== null) {
      this.#track.onended = null;
      this.#track.stop();
      this.#track = null;
    }
    this.#heldOffer = null;
    this.doors.close();
    this.peer?.close();
    this.peer = null;
  }
}
