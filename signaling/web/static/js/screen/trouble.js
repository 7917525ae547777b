// What a person in a call has to be told: connection, microphone, sound, versions.

import { text } from '../strings.js';

/** @typedef {import('../screen.js').Line} Line */

const MICROPHONE_WORDS = /** @type {const} */ ({
  microphone_refused: 'microphone.refused',
  microphone_missing: 'microphone.none',
  microphone_busy: 'microphone.busy',
  microphone_insecure: 'microphone.insecure',
});

/**
 * @param {Pick<import('../session.js').Session, 'call'|'microphone'|'soundBlocked'|'channelMissing'|'versionDiffers'>} session
 * @param {boolean} pressedAgain - the visitor pressed once more a moment ago
 * @returns {Line[]} the most important first
 */
export function callLines(session, pressedAgain) {
  /** @type {Line[]} */
  const lines = [];
  const { phase, lost } = session.call;
  if (lost && phase !== 'ringing') {
    lines.push({ reason: 'reconnecting', text: text('call.reconnecting'), tone: 'wait' });
  }
  switch (session.microphone) {
    case 'none':
    case 'live':
    case 'asking':
      break;
    case 'microphone_refused':
    case 'microphone_missing':
    case 'microphone_busy':
    case 'microphone_insecure': {
      const words = MICROPHONE_WORDS[session.microphone];
      lines.push({
        reason: session.microphone, text: text(`${words}.text`), help: text(`${words}.help`), tone: 'warn',
        ...(session.microphone === 'microphone_insecure'
          ? {} : { action: { label: text('microphone.retry'), does: 'retry_microphone' } }),
      });
      break;
    }
  }
  if (session.soundBlocked) {
    lines.push({
      reason: 'sound_blocked', text: text('sound.blocked.text'), tone: 'warn',
      action: { label: text('sound.blocked.play'), does: 'play_sound' },
    });
  }
  if (pressedAgain) {
    lines.push({
      reason: 'pressed_again', tone: 'ring',
      text: text(phase === 'ringing' ? 'ringing.again' : 'call.pressed_again'),
    });
  }
  if (session.channelMissing && phase !== 'ringing') {
    lines.push({
      reason: 'channel_missing', text: text('call.channel.text'), help: text('call.channel.help'), tone: 'warn',
    });
  }
  // Not while it rings: nothing that can wait belongs beside 'answer'.
  if (session.versionDiffers && phase !== 'ringing') {
    lines.push({
      reason: 'control_version', text: text('call.version.text'), help: text('call.version.help'), tone: 'warn',
    });
  }
  return lines;
}
