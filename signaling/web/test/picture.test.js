import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Picture } from '../static/js/view/picture.js';

/** A video element of a browser in which a muted picture plays only in a touch, or always. */
class FakeVideo extends EventTarget {
  muted = false;
  paused = true;
  srcObject = null;
  plays = 0;
  /** @type {(() => void)|null} */
  #callback = null;

  /** @param {boolean} willing */
  constructor(willing) {
    super();
    this.willing = willing;
  }

  async play() {
    this.plays += 1;
    if (!this.willing) throw Object.assign(new Error('play() failed'), { name: 'NotAllowedError' });
    this.paused = false;
  }

  /** @param {() => void} callback */
  requestVideoFrameCallback(callback) {
    this.#callback = callback;
  }

  frame() {
    this.#callback?.();
  }
}

const page = Object.assign(new EventTarget(), { hidden: false });
Object.assign(globalThis, { document: page });
const STREAM = /** @type {MediaStream} */ (/** @type {unknown} */ ({}));

const settled = () => new Promise((resolve) => {
  setTimeout(resolve, 0);
});

test('a picture that was refused to play is played again inside the next touch', async (t) => {
  const video = new FakeVideo(false);
  let changes = 0;
  const picture = new Picture(/** @type {any} */ (video), () => {
    changes += 1;
  });
  t.after(() => picture.show(null));
  picture.show(STREAM);
  await settled();
  assert.deepEqual([picture.state, changes], ['paused', 1]);
  // Chromium hands over frames of a video that is paused.
  video.frame();
  assert.equal(picture.state, 'paused', 'a frame that nobody sees is no moving picture');
  page.dispatchEvent(new Event('pointerup'));
  await settled();
  assert.deepEqual([video.plays, picture.state], [2, 'paused'], 'asked again, and refused again');
  video.willing = true;
  page.dispatchEvent(new Event('click'));
  await settled();
  video.frame();
  assert.deepEqual([video.paused, picture.state], [false, 'live']);
  page.dispatchEvent(new Event('click'));
  assert.equal(video.plays, 3, 'one that plays is left alone');
});

test('a refusal of a picture that was replaced says nothing of the next one', async (t) => {
  const video = new FakeVideo(false);
  const picture = new Picture(/** @type {any} */ (video), () => undefined);
  t.after(() => picture.show(null));
  picture.show(STREAM);
  video.play = () => new Promise(() => undefined);
  picture.show(/** @type {MediaStream} */ (/** @type {unknown} */ ({})));
  await settled();
  assert.equal(picture.state, 'waiting');
});
