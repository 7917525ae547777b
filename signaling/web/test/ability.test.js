import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';

import { canCall, lacksPicture } from '../static/js/ability.js';
import { homeLines, linkWords } from '../static/js/screen/home.js';

/**
 * @param {...string} lines
 */
function sdp(...lines) {
  const head = ['v=0', 's=-', 't=0 0', 'm=audio 9 UDP/TLS/RTP/SAVPF 111', 'a=sendrecv', 'a=rtpmap:111 opus/48000/2'];
  return `${[...head, ...lines].join('\r\n')}\r\n`;
}

const PICTURE = ['m=video 9 UDP/TLS/RTP/SAVPF 102', 'a=mid:1', 'a=sendonly', 'a=rtpmap:102 H264/90000'];
const OFFER = sdp(...PICTURE);

/** @param {string[]} mimeTypes */
function decodes(mimeTypes) {
  Object.assign(globalThis, {
    RTCRtpReceiver: { getCapabilities: () => ({ codecs: mimeTypes.map((mimeType) => ({ mimeType })) }) },
  });
}

afterEach(() => {
  Reflect.deleteProperty(globalThis, 'RTCRtpReceiver');
});

test('an answer that takes the picture brings one', () => {
  for (const direction of [['a=recvonly'], ['a=sendrecv'], []]) {
    const answer = sdp('m=video 9 UDP/TLS/RTP/SAVPF 102', ...direction, 'a=rtpmap:102 H264/90000');
    assert.equal(lacksPicture(OFFER, answer), false, direction.join());
  }
});

test('an answer that rejects the picture, wants none of it or has no H.264 brings none', () => {
  for (const answer of [
    sdp('m=video 0 UDP/TLS/RTP/SAVPF 102', 'a=recvonly', 'a=rtpmap:102 H264/90000'),
    // Firefox without its plugin answers so.
    sdp('m=video 0 UDP/TLS/RTP/SAVPF 120', 'a=inactive', 'a=rtpmap:120 VP8/90000'),
    sdp('m=video 9 UDP/TLS/RTP/SAVPF 102', 'a=inactive', 'a=rtpmap:102 H264/90000'),
    sdp('m=video 9 UDP/TLS/RTP/SAVPF 120', 'a=recvonly', 'a=rtpmap:120 VP8/90000'),
    sdp(),
  ]) assert.equal(lacksPicture(OFFER, answer), true, answer);
});

test('a station that offers no picture is not the browser\'s fault', () => {
  decodes([]);
  for (const offer of [sdp(), sdp('m=video 0 UDP/TLS/RTP/SAVPF 102'), OFFER.replace('a=sendonly', 'a=inactive')]) {
    assert.equal(lacksPicture(offer, null), false, offer);
    assert.equal(lacksPicture(offer, sdp('m=video 0 UDP/TLS/RTP/SAVPF 102')), false, offer);
  }
});

test('before there is an answer the browser is asked, and believed when it does not know', () => {
  assert.equal(lacksPicture(OFFER, null), false);
  decodes(['video/VP8', 'video/H264']);
  assert.equal(lacksPicture(OFFER, null), false);
  decodes(['video/VP8', 'video/rtx']);
  assert.equal(lacksPicture(OFFER, null), true);
});

test('Home does not say that it is ready in a browser that can take no call', () => {
  assert.equal(canCall(), false);
  /** @typedef {import('../static/js/screen.js').Page} Page */
  /** @type {Pick<Page, 'link'|'able'|'refusal'|'awayForLong'|'secure'>} */
  const model = { link: 'online', able: true, refusal: null, awayForLong: false, secure: true };
  const lines = (/** @type {typeof model} */ one) => homeLines(one).map(({ reason }) => reason);
  assert.deepEqual([linkWords(model), lines(model)], ['link.online', []]);
  assert.deepEqual([linkWords({ ...model, able: false }), lines({ ...model, able: false })], ['link.unable', ['unable']]);
  assert.deepEqual(lines({ ...model, able: false, link: 'offline' }), ['unable', 'offline']);
  assert.equal(linkWords({ ...model, able: false, link: 'refused', refusal: 'unclaimed' }), 'link.unclaimed');
});
