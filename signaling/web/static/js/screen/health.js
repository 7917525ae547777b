// What of a station does not work, in words.

import { text } from '../strings.js';

/** @typedef {import('../../../types/messages').MediaHealth} MediaHealth */
/** @typedef {import('../../../types/messages').Station} Station */
/** @typedef {import('../screen.js').Line} Line */

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

/**
 * What keeps the station from ringing or a door from closing, with what to do about it.
 *
 * @param {Station} station
 * @returns {Line[]}
 */
export function faultLines({ buttons, doors, faults = [] }) {
  const labelOf = (/** @type {{id: string, label: string}[]} */ all, /** @type {string} */ id) =>
    all.find((one) => one.id === id)?.label ?? id;
  return faults.map((one) => {
    switch (one.fault) {
      case 'button_stuck': return {
        reason: one.fault, tone: 'warn', detail: text('fault.button_stuck.help'),
        text: text('fault.button_stuck', { button: labelOf(buttons, one.button) }),
      };
      case 'buttons_lost': return { reason: one.fault, tone: 'warn', text: text('fault.buttons_lost'), detail: one.reason };
      case 'relay_stuck': return {
        reason: one.fault, tone: 'warn', detail: text('fault.relay_stuck.help'),
        text: text('fault.relay_stuck', { door: labelOf(doors, one.door) }),
      };
      case 'too_many_clients': return {
        reason: one.fault, tone: 'warn', text: text('fault.too_many_clients'), detail: text('fault.too_many_clients.help'),
      };
      default: return { reason: 'unknown', tone: 'warn', text: text('fault.unknown') };
    }
  });
}
