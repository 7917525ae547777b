// The microphone of this device, asked for only when somebody answers.

/** @typedef {'microphone_refused'|'microphone_missing'|'microphone_busy'|'microphone_insecure'} MicrophoneTrouble */

export class MicrophoneError extends Error {
  /** @param {MicrophoneTrouble} trouble */
  constructor(trouble) {
    super(trouble);
    this.trouble = trouble;
  }
}

/**
 * Asks for the microphone. Call it inside the click: some browsers ask only then.
 *
 * @returns {Promise<MediaStreamTrack>}
 */
export async function openMicrophone() {
  // Browsers hide all devices from pages that came over plain HTTP from anywhere but this machine.
  if (navigator.mediaDevices === undefined) throw new MicrophoneError('microphone_insecure');
  try {
    const stream = await navigator.mediaDevices.getUserMedia({
      audio: { echoCancellation: true, noiseSuppression: true, autoGainControl: true },
    });
    const [track] = stream.getAudioTracks();
    if (track === undefined) throw new MicrophoneError('microphone_missing');
    track.contentHint = 'speech';
    return track;
  } catch (error) {
    throw error instanceof MicrophoneError ? error : new MicrophoneError(troubleOf(error));
  }
}

/**
 * @param {unknown} error
 * @returns {MicrophoneTrouble}
 */
export function troubleOf(error) {
  switch (error instanceof Error ? error.name : '') {
    case 'NotAllowedError':
    case 'SecurityError':
      return 'microphone_refused';
    case 'NotReadableError':
    case 'AbortError':
      return 'microphone_busy';
    default:
      return 'microphone_missing';
  }
}
