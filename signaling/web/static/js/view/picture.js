// The visitor's picture: attaches it, and knows whether it moves.

/** `paused`: the browser does not play it before somebody touches the page, as in iOS's Low Power Mode. */
/** @typedef {'waiting'|'live'|'stalled'|'paused'} PictureState */

/** A picture that has not changed for this long is said to stand still. */
const STALL_MS = 2_500;
const LOOK_MS = 500;
/** What browsers take for a person's touch. */
const TOUCHES = ['pointerup', 'touchend', 'click', 'keydown'];

export class Picture {
  /** @type {PictureState} */
  state = 'waiting';

  #video;
  #changed;
  /** @type {MediaStream|null} */
  #stream = null;
  #frameAt = 0;
  #timer = 0;

  /**
   * @param {HTMLVideoElement} video
   * @param {() => void} changed
   */
  constructor(video, changed) {
    this.#video = video;
    this.#changed = changed;
    // The attribute alone is not always taken as the property, and an unmuted video may not start by itself.
    video.muted = true;
    if (!('requestVideoFrameCallback' in video)) {
      /** @type {HTMLVideoElement} */ (video).addEventListener('playing', () => this.#handleFrame());
    }
    // A paused picture is of no use to anybody; some browsers pause it when the page is hidden.
    video.addEventListener('pause', () => this.#play());
    // One that was refused is asked for again inside the next touch, whatever is touched.
    for (const touch of TOUCHES) {
      document.addEventListener(touch, () => {
        if (this.#stream !== null && video.paused) this.#play();
      }, { capture: true, passive: true });
    }
  }

  /**
   * How the picture of `stream` is, which may not be shown yet.
   *
   * @param {MediaStream|null} stream
   * @returns {PictureState}
   */
  stateOf(stream) {
    return stream === this.#stream ? this.state : 'waiting';
  }

  /** @param {MediaStream|null} stream */
  show(stream) {
    if (stream === this.#stream) return;
    clearInterval(this.#timer);
    this.#stream = stream;
    this.#video.srcObject = stream;
    this.#frameAt = 0;
    this.state = 'waiting';
    if (stream === null) return;
    this.#play();
    this.#expectFrame(stream);
    this.#timer = setInterval(() => this.#judge(), LOOK_MS);
  }

  #play() {
    const stream = this.#stream;
    if (stream === null) return;
    this.#video.play().catch((error) => {
      // Any other refusal is that of a stream that was replaced meanwhile.
      const isRefused = error instanceof Error && error.name === 'NotAllowedError';
      if (isRefused && stream === this.#stream && this.#video.paused) this.#set('paused');
    });
  }

  /** @param {MediaStream} stream */
  #expectFrame(stream) {
    if (!('requestVideoFrameCallback' in this.#video)) return;
    this.#video.requestVideoFrameCallback(() => {
      if (stream !== this.#stream) return;
      this.#handleFrame();
      this.#expectFrame(stream);
    });
  }

  #handleFrame() {
    // Some browsers hand over frames of a picture that they don't play.
    if (this.#video.paused) return;
    if (this.#frameAt === 0) performance.mark('doorway:picture');
    this.#frameAt = performance.now();
    this.#set('live');
  }

  #judge() {
    // A hidden page is not told about frames.
    if (document.hidden) {
      if (this.#frameAt !== 0) this.#frameAt = performance.now();
      return;
    }
    const watched = 'requestVideoFrameCallback' in this.#video;
    if (watched && this.state === 'live' && performance.now() - this.#frameAt > STALL_MS) this.#set('stalled');
  }

  /** @param {PictureState} state */
  #set(state) {
    if (this.state === state) return;
    this.state = state;
    this.#changed();
  }
}
