// A call that is over: what became of it, for a moment.

import { byId, clock, setText } from './dom.js';
import { icon } from './icons.js';
import { text } from '../strings.js';

/** @typedef {import('../call.js').Call} Call */
/** @typedef {import('./notice.js').Line} Line */
/** @typedef {{call: Call, name: string, seconds: number}} Ending */

/**
 * Whether this end is worth a word: a person who closes a watch or declines knows what was done.
 *
 * @param {Call} call
 */
export function isWorthAWord(call) {
  return call.reason !== 'closed';
}

/** @param {Ending} ending */
export function renderEnded({ call, name, seconds }) {
  const good = call.reason === 'hung_up' || call.reason === 'answered_elsewhere' || call.reason === 'declined';
  const shown = call.reason === 'answered_elsewhere' ? 'elsewhere'
    : call.reason === 'hung_up' && call.talked ? 'check'
    : call.reason === 'declined' ? 'hang-up'
    : good || call.reason === 'ring_timeout' ? 'missed' : 'warn';
  const sign = byId('ended-icon', HTMLElement);
  if (sign.dataset.shown !== shown) {
    sign.dataset.shown = shown;
    sign.replaceChildren(icon(shown));
  }
  sign.dataset.tone = shown === 'warn' ? 'warn' : shown === 'missed' ? 'missed' : 'good';
  setText(byId('ended-title', HTMLElement), words(call));
  setText(byId('ended-text', HTMLElement),
    seconds > 0 ? text('ended.duration', { name, time: clock(seconds) }) : name);
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

/** @param {Call} call */
function words(call) {
  const left = call.reason === 'hung_up' && !call.talked && call.button !== null;
  return text(left ? 'ended.visitor_left' : `ended.${call.reason ?? 'hung_up'}`);
}
