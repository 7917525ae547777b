// What this browser can do in a call. Some are built without WebRTC, some without H.264, which is all that a station sends.

/** Whether it can take a call at all. */
export function canCall() {
  return 'RTCPeerConnection' in globalThis;
}

/**
 * Whether a picture that was offered will never come: this browser has no decoder for it. Some don't know that before
 * they answer.
 *
 * @param {string} offer - SDP
 * @param {string|null} answer - SDP; null before there is one
 */
export function lacksPicture(offer, answer) {
  if (!pictures(offer).some((line) => isUsed(line) && !/^a=(?:recvonly|inactive)\s*$/m.test(line))) return false;
  if (answer === null) return !decodesH264();
  return !pictures(answer).some((line) => isUsed(line) && !/^a=(?:sendonly|inactive)\s*$/m.test(line)
    && /^a=rtpmap:\d+ H264\b/im.test(line));
}

/**
 * The parts of a description that are about a picture.
 *
 * @param {string} description
 */
function pictures(description) {
  return description.split(/^m=/m).filter((part) => part.startsWith('video '));
}

/** @param {string} part - whose port is 0 when it is rejected */
function isUsed(part) {
  return !part.startsWith('video 0 ');
}

/** As far as the browser tells. */
function decodesH264() {
  const codecs = globalThis.RTCRtpReceiver?.getCapabilities?.('video')?.codecs;
  return codecs?.some(({ mimeType }) => mimeType.toLowerCase() === 'video/h264') ?? true;
}
