// What a call that is over says: what became of it.

import { clock, text } from '../strings.js';

/** @typedef {import('../call.js').Call} Call */
/** @typedef {import('../screen.js').Line} Line */

/**
 * @typedef {object} EndedScreen
 * @property {'elsewhere'|'check'|'hang-up'|'missed'|'warn'} icon
 * @property {'good'|'missed'|'warn'} tone
 * @property {string} title
 * @property {string} text
 */

/**
 * Whether this end is worth a word: a person who closes a watch or declines knows what was done.
 *
 * @param {Call} call
 */
export function isWorthAWord(call) {
  return call.reason !== 'closed';
}

/**
 * @param {import('../screen.js').Ending} ending
 * @returns {EndedScreen}
 */
export function endedOf({ call, name, seconds }) {
  const icon = iconOf(call);
  return {
    icon, tone: icon === 'warn' || icon === 'missed' ? icon : 'good', title: words(call),
    text: seconds > 0 ? text('ended.duration', { name, time: clock(seconds) }) : name,
  };
}

/**
 * @param {Call} call
 * @returns {Line[]}
 */
export function endedLines(call) {
  const reason = call.reason ?? 'hung_up';
  /** @type {Line} */
  const line = { reason, text: words(call), tone: 'info' };
  if (reason === 'connection_lost' || reason === 'handshake_failed' || reason === 'busy' || reason === 'malformed') {
    line.help = text(`ended.help.${reason}`);
  }
  return [line];
}

/**
 * @param {Call} call
 * @returns {EndedScreen['icon']}
 */
function iconOf({ reason, talked }) {
  switch (reason) {
    case 'answered_elsewhere': return 'elsewhere';
    case 'hung_up': return talked ? 'check' : 'missed';
    case 'declined': return 'hang-up';
    case 'ring_timeout': return 'missed';
    case 'max_duration':
    case 'connection_lost':
    case 'handshake_failed':
    case 'busy':
    case 'station_closing':
    case 'malformed':
    case 'station_gone':
    case 'closed':
    case null:
      return 'warn';
  }
}

/** @param {Call} call */
function words(call) {
  const left = call.reason === 'hung_up' && !call.talked && call.button !== null;
  return text(left ? 'ended.visitor_left' : `ended.${call.reason ?? 'hung_up'}`);
}
