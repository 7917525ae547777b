// What of a station's media does not work, in words.

import { text } from '../strings.js';

/** @typedef {import('../../../types/messages').MediaHealth} MediaHealth */
/** @typedef {import('./notice.js').Line} Line */

const DEVICES = /** @type {const} */ (['camera', 'microphone', 'speaker']);

/**
 * @param {MediaHealth} health
 * @returns {Line[]}
 */
export function healthLines(health) {
  /** @type {Line[]} */
  const lines = [];
  for (const device of DEVICES) {
    const { [device]: state } = health;
    const reason = `${device}_${state.state}`;
    switch (state.state) {
      case 'working':
        break;
      case 'missing':
        lines.push({ reason: device === 'camera' ? reason : `station_${reason}`, text: text(`${device}.missing`), detail: state.reason, tone: 'warn' });
        break;
      case 'absent':
        lines.push({ reason: device === 'camera' ? reason : `station_${reason}`, text: text(`${device}.absent`), tone: 'info' });
        break;
    }
  }
  return lines;
}
