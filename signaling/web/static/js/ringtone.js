// The bell: two struck bars and their echo, made of sine waves, so that no file has to arrive before it can ring.

/** Partials of a struck bar: ratio to its lowest one, loudness, and how fast it dies away. */
const PARTIALS = [
  { ratio: 1, gain: 1, decay: 1.5 },
  { ratio: 3.93, gain: 0.22, decay: 0.5 },
  { ratio: 9.2, gain: 0.06, decay: 0.18 },
];
/** A falling third, then its answer a fourth below: seconds from the start, hertz. */
const MELODY = [
  { at: 0, hz: 783.99 }, { at: 0.42, hz: 622.25 }, { at: 0.84, hz: 783.99 }, { at: 1.26, hz: 466.16 },
];
const REPEAT_MS = 3_400;
const LOUDNESS = 0.32;
const VIBRATION = [220, 140, 220, 140, 420];

export class Ringtone {
  #changed;
  /** @type {AudioContext|null} */
  #context = null;
  /** @type {GainNode|null} the melody that sounds at this moment */
  #playing = null;
  #timer = 0;
  #ringing = false;

  /** @param {() => void} changed - what `blocked` says, or whether it rings */
  constructor(changed) {
    this.#changed = changed;
    for (const gesture of ['pointerup', 'keydown']) addEventListener(gesture, () => this.#unlock(), { capture: true });
  }

  /** The browser won't let it sound until somebody has touched the page. */
  get blocked() {
    return this.#context === null
      ? navigator.userActivation?.hasBeenActive === false
      : this.#context.state === 'suspended';
  }

  /** @param {boolean} wanted - until it is wanted no more */
  ring(wanted) {
    if (wanted === this.#ringing) return;
    this.#ringing = wanted;
    if (wanted) {
      this.#strike();
      this.#timer = setInterval(() => this.#strike(), REPEAT_MS);
    } else {
      clearInterval(this.#timer);
      this.#fade();
      vibrate(0);
    }
    this.#changed();
  }

  /** Once, to hear what it is like. */
  sample() {
    if (!this.#ringing) this.#strike();
  }

  #strike() {
    if (this.#ringing) vibrate(VIBRATION);
    const context = this.#wake();
    if (context === null || context.state !== 'running') return;
    this.#fade();
    const out = new GainNode(context, { gain: LOUDNESS });
    out.connect(context.destination);
    this.#playing = out;
    for (const { at, hz } of MELODY) strikeBar(context, out, context.currentTime + 0.02 + at, hz);
  }

  #fade() {
    if (this.#playing === null || this.#context === null) return;
    this.#playing.gain.setTargetAtTime(0, this.#context.currentTime, 0.03);
    this.#playing = null;
  }

  #wake() {
    if (this.#context === null) {
      try {
        this.#context = new AudioContext({ latencyHint: 'interactive' });
      } catch {
        return null;
      }
      this.#context.onstatechange = () => {
        if (this.#ringing && this.#context?.state === 'running' && this.#playing === null) this.#strike();
        this.#changed();
      };
    }
    if (this.#context.state === 'suspended') this.#context.resume().catch(() => undefined);
    return this.#context;
  }

  #unlock() {
    if (this.#context?.state === 'running') return;
    this.#wake();
    this.#changed();
  }
}

/**
 * @param {AudioContext} context
 * @param {AudioNode} out
 * @param {number} at
 * @param {number} hz
 */
function strikeBar(context, out, at, hz) {
  for (const { ratio, gain, decay } of PARTIALS) {
    const tone = new OscillatorNode(context, { frequency: hz * ratio });
    const shape = new GainNode(context, { gain: 0 });
    shape.gain.setValueAtTime(0, at);
    shape.gain.linearRampToValueAtTime(gain, at + 0.006);
    shape.gain.exponentialRampToValueAtTime(0.0005, at + decay);
    tone.connect(shape).connect(out);
    tone.start(at);
    tone.stop(at + decay + 0.05);
  }
}

/** @param {VibratePattern} pattern */
function vibrate(pattern) {
  // Before the first touch browsers refuse it, and say so in their console every time.
  if (navigator.userActivation?.hasBeenActive !== false) navigator.vibrate?.(pattern);
}
