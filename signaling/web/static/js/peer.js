// The media connection to one station: answers its offer, shows what comes, carries the control messages.
//
// The station always offers. Its audio line is negotiated both ways at once, so that answering the visitor later only
// puts the microphone's track on a sender that is already there.

import { canCall, lacksPicture } from './ability.js';

/** @typedef {import('../../types/messages').Request} Request */
/** @typedef {import('../../types/messages').Event} Event */
/** @typedef {'connecting'|'connected'|'reconnecting'} PeerMedia */

/**
 * @typedef {object} PeerListener
 * @property {(answer: string) => void} answer
 * @property {(candidate: string) => void} candidate
 * @property {(media: PeerMedia) => void} media
 * @property {(open: boolean) => void} channel
 * @property {(event: Event) => void} event
 * @property {() => void} broken - the offer cannot be answered
 */

/** `CONTROL_CHANNEL` and `CONTROL_VERSION` of signaling/proto. */
const CHANNEL = 'doorway';
export const CONTROL_VERSION = 1;

const PING_EVERY_MS = 1_000;
/** A station that leaves a ping unanswered for this long is treated as lost. ICE alone takes seconds more to notice. */
const SILENCE_MS = 3_000;
/** The same once nothing else reaches it either: one that was killed takes its companion along. */
const DOUBT_MS = 1_000;
/** After the last message the connection stays this long, so that the message leaves before the connection does. */
const LINGER_MS = 300;

/** @type {RTCConfiguration} */
const CONFIGURATION = { bundlePolicy: 'max-bundle' };

/** @type {RTCPeerConnection|null} */
let spare = null;

/**
 * Makes a connection ready for the next ring: the first one of a page costs tens of milliseconds, which a visitor
 * should not wait for. It has no socket until it is used.
 */
export function prepare() {
  if (canCall()) spare ??= new RTCPeerConnection(CONFIGURATION);
}

export class Peer {
  /** What the elements play. The tracks come later; the streams can be attached at once, inside a click too. */
  picture = new MediaStream();
  sound = new MediaStream();
  /** This browser can't show the picture that the station offers. */
  pictureless;

  connection;
  /** The answer has been handed over; the connection still takes it in itself. */
  answered;
  #listener;
  /** @type {RTCDataChannel|null} */
  #channel = null;
  /** @type {Promise<void>} */
  #ready;
  /** @type {PeerMedia} */
  #media = 'connecting';
  #token = 0;
  /** @type {number|null} when the oldest ping without an answer was sent */
  #unanswered = null;
  #patienceMs = SILENCE_MS;
  #timer = 0;
  #doubtTimer = 0;
  #closed = false;

  /**
   * Starts to answer `offer` at once.
   *
   * @param {string} offer
   * @param {PeerListener} listener
   */
  constructor(offer, listener) {
    this.#listener = listener;
    this.pictureless = lacksPicture(offer, null);
    this.connection = spare ?? new RTCPeerConnection(CONFIGURATION);
    spare = null;
    this.connection.onicecandidate = ({ candidate }) => {
      if (candidate !== null && candidate.candidate !== '' && !this.#closed) listener.candidate(candidate.candidate);
    };
    this.connection.ontrack = ({ track, receiver }) => this.#addTrack(track, receiver);
    this.connection.ondatachannel = ({ channel }) => this.#takeChannel(channel);
    this.connection.onconnectionstatechange = () => this.#judge();
    this.answered = this.#answer(offer);
    this.#ready = this.answered.then(({ taken }) => taken);
    this.#ready.catch((error) => {
      console.warn('Doorway: the offer could not be answered', error);
      if (!this.#closed) listener.broken();
    });
    this.#timer = setInterval(() => this.#tick(), PING_EVERY_MS);
  }

  /** @returns {PeerMedia} */
  get media() {
    return this.#media;
  }

  /** @param {string} candidate */
  async addCandidate(candidate) {
    try {
      await this.#ready;
      await this.connection.addIceCandidate({ candidate, sdpMLineIndex: 0 });
    } catch (error) {
      if (!this.#closed) console.info('Doorway: a candidate was not taken', error);
    }
  }

  /**
   * Lets the visitor hear `track`; null takes it away again.
   *
   * @param {MediaStreamTrack|null} track
   */
  async attach(track) {
    await this.#ready;
    const sender = this.connection.getTransceivers()
      .find((transceiver) => transceiver.receiver.track.kind === 'audio')?.sender;
    if (sender === undefined) throw new Error('the station offered no sound');
    await sender.replaceTrack(track);
  }

  /**
   * Says something to the station; false when the channel is not open.
   *
   * @param {Request} request
   */
  send(request) {
    if (this.#channel?.readyState !== 'open') return false;
    this.#channel.send(JSON.stringify(request));
    return true;
  }

  /**
   * Whether the station is said to be within reach; if not, it is asked at once and given less time to answer.
   *
   * @param {boolean} reachable
   */
  setReachable(reachable) {
    clearTimeout(this.#doubtTimer);
    this.#patienceMs = reachable ? SILENCE_MS : DOUBT_MS;
    if (reachable || this.#closed) return;
    this.#tick();
    this.#doubtTimer = setTimeout(() => this.#judge(), DOUBT_MS + 1);
  }

  /** Ends it: nothing is reported from now on, and the connection goes as soon as its last message has left. */
  close() {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#timer);
    clearTimeout(this.#doubtTimer);
    for (const track of [...this.picture.getTracks(), ...this.sound.getTracks()]) track.stop();
    setTimeout(() => this.connection.close(), this.#channel?.readyState === 'open' ? LINGER_MS : 0);
  }

  /** @param {string} offer */
  async #answer(offer) {
    const { connection } = this;
    await connection.setRemoteDescription({ type: 'offer', sdp: offer });
    for (const transceiver of connection.getTransceivers()) {
      // Left at 'recvonly', the microphone would never arrive and nothing would complain.
      if (transceiver.receiver.track.kind === 'audio') transceiver.direction = 'sendrecv';
    }
    const answer = await connection.createAnswer();
    this.pictureless = lacksPicture(offer, answer.sdp ?? '');
    const taken = connection.setLocalDescription(answer);
    if (!this.#closed) this.#listener.answer(answer.sdp ?? '');
    return { taken };
  }

  /**
   * @param {MediaStreamTrack} track
   * @param {RTCRtpReceiver} receiver
   */
  #addTrack(track, receiver) {
    if (track.kind === 'audio') {
      this.sound.addTrack(track);
      return;
    }
    // A picture that is a moment late is worse than one that stutters once: sound keeps the browser's own buffer.
    if ('jitterBufferTarget' in receiver) receiver.jitterBufferTarget = 0;
    this.picture.addTrack(track);
  }

  /** @param {RTCDataChannel} channel */
  #takeChannel(channel) {
    if (channel.label !== CHANNEL) {
      console.info(`Doorway: the channel '${channel.label}' is unknown; ignored`);
      return;
    }
    this.#channel = channel;
    const opened = () => {
      this.#judge();
      if (!this.#closed) this.#listener.channel(true);
    };
    channel.onopen = opened;
    channel.onclose = () => {
      this.#judge();
      if (!this.#closed) this.#listener.channel(false);
    };
    channel.onmessage = (message) => this.#handleMessage(message.data);
    if (channel.readyState === 'open') opened();
  }

  /** @param {unknown} data */
  #handleMessage(data) {
    if (this.#closed) return;
    this.#unanswered = null;
    this.#judge();
    const event = parse(data);
    if (event === null) {
      console.warn('Doorway: the station sent something that is no message; ignored');
      return;
    }
    if (event.type === 'pong') return;
    this.#listener.event(event);
  }

  #tick() {
    if (this.#channel?.readyState === 'open') {
      this.#token = (this.#token + 1) >>> 0;
      this.#unanswered ??= performance.now();
      this.send({ type: 'ping', token: this.#token });
    }
    this.#judge();
  }

  /** Whether the call is alive as far as one can see from here. */
  #judge() {
    if (this.#closed) return;
    const media = this.#look();
    if (media === this.#media) return;
    this.#media = media;
    this.#listener.media(media);
  }

  /** @returns {PeerMedia} */
  #look() {
    const state = this.connection.connectionState;
    const silent = this.#unanswered !== null && performance.now() - this.#unanswered > this.#patienceMs;
    const channelLost = this.#channel?.readyState === 'closing' || this.#channel?.readyState === 'closed';
    if (state === 'connected' && !silent && !channelLost) return 'connected';
    const wasThere = this.#media !== 'connecting';
    return wasThere || state === 'failed' || state === 'closed' ? 'reconnecting' : 'connecting';
  }
}

const KNOWN = new Set([
  'hello', 'accepted', 'ended', 'unlock_result', 'door_state', 'media', 'pressed_again', 'pong', 'malformed',
]);

/**
 * @param {unknown} data
 * @returns {Event|null}
 */
export function parse(data) {
  if (typeof data !== 'string') return null;
  try {
    const event = JSON.parse(data);
    return typeof event === 'object' && event !== null && KNOWN.has(event.type) ? event : null;
  } catch {
    return null;
  }
}
