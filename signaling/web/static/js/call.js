// What a call is at this moment, and what follows from what happens to it. Pure: no clock, no socket, no element.
//
// `step` takes a call and an event and returns the call that follows with what has to be done. `deadlines` says which
// time limits belong to a call as it is: whoever runs it starts those that are new and drops those that are gone, so
// that no state can be forgotten with a timer still on its way.

/** @typedef {import('../../types/messages').Button} Button */
/** @typedef {import('../../types/messages').EndReason} EndReason */

/**
 * `requested`: a watch was asked for. `answering`: the click was made, the station has not confirmed it.
 * @typedef {'requested'|'ringing'|'answering'|'talking'|'watching'|'over'} Phase
 */
/** @typedef {'none'|'connecting'|'connected'|'reconnecting'|'failed'} Media */
/** @typedef {EndReason|'station_gone'|'closed'} Reason `closed`: the person here closed a watch. */

/**
 * @typedef {object} Call
 * @property {Phase} phase
 * @property {string|null} id - null until the station has named the watch
 * @property {string} station
 * @property {Button|null} button - what the visitor pressed; null in a watch
 * @property {number} rings - how many times it rang here, a repeated ring renews its deadline
 * @property {boolean} rang - somebody rang, here or on other screens only: then any door may be opened
 * @property {number} timeoutMs - how long it rings
 * @property {Media} media
 * @property {boolean} lost - the connection broke off and is not back yet
 * @property {boolean} renewing - a new offer was asked for and has not come
 * @property {boolean} channel - the data channel is open
 * @property {boolean} reachable - the companion and the station behind it can be reached
 * @property {boolean} asked - `accept` has been repeated
 * @property {boolean} talked - it got as far as talking
 * @property {Reason|null} reason - why it is over
 */

/**
 * @typedef {(
 *   | {type: 'rung', button: Button, offer: string|null, timeoutMs: number}
 *   | {type: 'offered', id: string, offer: string}
 *   | {type: 'accept'} | {type: 'decline'} | {type: 'hang_up'}
 *   | {type: 'accepted'} | {type: 'ended', reason: Reason}
 *   | {type: 'media', media: Media} | {type: 'channel', open: boolean}
 *   | {type: 'reachable', reachable: boolean}
 *   | {type: 'station_idle'} | {type: 'station_rings'}
 *   | {type: 'deadline', name: DeadlineName}
 * )} Event
 */

/**
 * @typedef {(
 *   | {do: 'answer', offer: string}
 *   | {do: 'send', request: 'accept'|'decline'|'hang_up'|'watch'|'reconnect'}
 *   | {do: 'check_link'}
 *   | {do: 'talk'}
 *   | {do: 'close'}
 * )} Effect
 */

/** @typedef {'ring'|'offer'|'confirm'|'ask_again'|'lost'} DeadlineName */
/** @typedef {{name: DeadlineName, key: string, ms: number}} Deadline a new `key` starts the time anew */
/** @typedef {{call: Call, effects: Effect[]}} Step */

/** A lost connection may come back for this long; then the call is over. */
export const LOST_MS = 8_000;
/** `accept` is said once more after this long, in case the way it took was dead. */
const ASK_AGAIN_MS = 1_500;
/** The station ends a ring by itself; this is how much later the page stops believing in it. */
const RING_GRACE_MS = 3_000;

/**
 * @param {string} id
 * @param {string} station
 * @param {Button} button
 * @param {string|null} offer
 * @param {number} timeoutMs
 * @returns {Step}
 */
export function ring(id, station, button, offer, timeoutMs) {
  const call = { ...blank(station), phase: /** @type {Phase} */ ('ringing'), id, button, rings: 1, rang: true, timeoutMs };
  return offer === null ? only(call) : answer(call, offer);
}

/**
 * @param {string} station
 * @returns {Step}
 */
export function watch(station) {
  return then({ ...blank(station), phase: 'requested' }, { do: 'send', request: 'watch' });
}

/**
 * @param {Call} call
 * @param {Event} event
 * @returns {Step}
 */
export function step(call, event) {
  if (call.phase === 'over') return only(call);
  switch (event.type) {
    case 'rung': return handleRung(call, event);
    case 'offered': return handleOffered(call, event);
    case 'accept': return handleAccept(call);
    case 'decline': return call.phase === 'ringing' ? finish(call, 'declined', 'decline') : only(call);
    case 'hang_up': return handleHangUp(call);
    case 'accepted': return handleAccepted(call);
    case 'ended': return finish(call, event.reason);
    case 'media': return handleMedia(call, event.media);
    case 'channel': return only({ ...call, channel: event.open });
    case 'reachable': return handleReachable(call, event.reachable);
    case 'station_idle':
      // A station that says it is idle after a break was restarted: what this page still shows is a ghost.
      return call.media === 'connected' ? only(call) : finish(call, 'connection_lost');
    case 'station_rings':
      // Before the station has named the watch, and once that is answered, it is another call that rings.
      return call.phase === 'watching' || call.phase === 'answering' ? only({ ...call, rang: true }) : only(call);
    case 'deadline': return handleDeadline(call, event.name);
  }
}

/**
 * @param {Call} call
 * @returns {Deadline[]}
 */
export function deadlines(call) {
  switch (call.phase) {
    case 'requested':
      return [{ name: 'offer', key: 'offer', ms: LOST_MS }];
    case 'ringing': {
      /** @type {Deadline[]} */
      const list = [{ name: 'ring', key: `ring ${call.rings}`, ms: call.timeoutMs + RING_GRACE_MS }];
      if (call.media !== 'connected' && !call.reachable) list.push({ name: 'lost', key: 'lost', ms: LOST_MS });
      return list;
    }
    case 'answering': {
      /** @type {Deadline[]} */
      const list = [{ name: 'confirm', key: 'confirm', ms: LOST_MS }];
      if (!call.asked) list.push({ name: 'ask_again', key: 'ask_again', ms: ASK_AGAIN_MS });
      return list;
    }
    case 'talking':
    case 'watching':
      return call.media === 'connected' ? [] : [{ name: 'lost', key: 'lost', ms: LOST_MS }];
    case 'over':
      return [];
  }
}

/**
 * @param {Call} call
 * @param {{button: Button, offer: string|null, timeoutMs: number}} event
 * @returns {Step}
 */
function handleRung(call, event) {
  const { button, offer, timeoutMs } = event;
  const rung = { ...call, button, timeoutMs, rings: call.rings + 1, rang: true };
  switch (call.phase) {
    case 'requested':
    case 'watching':
    case 'ringing': {
      const ringing = { ...rung, phase: /** @type {Phase} */ ('ringing') };
      return offer === null ? only(ringing) : answer(ringing, offer);
    }
    case 'answering':
    case 'talking':
      // A station that rings this page again for the call it is in has lost the connection: take the new one, unless
      // the old one is alive.
      return offer === null || isAlive(call) ? only(call) : answer(call, offer);
    case 'over':
      return only(call);
  }
}

/**
 * @param {Call} call
 * @param {{id: string, offer: string}} event
 * @returns {Step}
 */
function handleOffered(call, event) {
  if (call.phase === 'requested') {
    return answer({ ...call, id: event.id, phase: 'watching' }, event.offer);
  }
  return isAlive(call) ? only(call) : answer(call, event.offer);
}

/**
 * @param {Call} call
 * @param {Media} media
 * @returns {Step}
 */
function handleMedia(call, media) {
  if (media !== 'reconnecting') return only({ ...call, media, lost: call.lost && media !== 'connected' });
  // Once for a loss: a new connection that fails as well is no reason to ask without end.
  if (call.lost) return only({ ...call, media });
  const { call: asked, effects } = renew({ ...call, media, lost: true });
  // What cut the media off may have cut the way to the companion as well, and a socket is slow to notice.
  return then(asked, ...effects, { do: 'check_link' });
}

/**
 * @param {Call} call
 * @param {boolean} reachable
 * @returns {Step}
 */
function handleReachable(call, reachable) {
  const told = { ...call, reachable };
  return reachable && !call.reachable && call.lost ? renew(told) : only(told);
}

/**
 * Asks the station for a new offer, if it can be asked.
 *
 * @param {Call} call
 * @returns {Step}
 */
function renew(call) {
  if (call.id === null || !call.reachable) return only(call);
  /** @type {Effect[]} */
  const effects = [{ do: 'send', request: 'reconnect' }];
  // What was said over the lost connection, or answered over it, may be lost with it.
  if (call.phase === 'answering') effects.push({ do: 'send', request: 'accept' });
  return then({ ...call, renewing: true }, ...effects);
}

/**
 * Whether an offer would break a connection that works. The station has closed the one that a new offer was asked for,
 * even if that came back at the last moment.
 *
 * @param {Call} call
 */
function isAlive(call) {
  return call.media === 'connected' && !call.renewing;
}

/**
 * @param {Call} call
 * @returns {Step}
 */
function handleAccept(call) {
  if (call.phase !== 'ringing' && call.phase !== 'watching') return only(call);
  return then({ ...call, phase: 'answering', asked: false }, { do: 'send', request: 'accept' }, { do: 'talk' });
}

/**
 * @param {Call} call
 * @returns {Step}
 */
function handleAccepted(call) {
  // Nobody but the person here opens the microphone: what was not answered can't be accepted.
  if (call.phase !== 'answering') return only(call);
  return only({ ...call, phase: /** @type {Phase} */ ('talking'), talked: true });
}

/**
 * @param {Call} call
 * @returns {Step}
 */
function handleHangUp(call) {
  switch (call.phase) {
    case 'ringing':
      return finish(call, 'declined', 'decline');
    case 'requested':
      // There is no call to hang up yet; when its offer comes, it is hung up as one that nobody here knows.
      return finish(call, 'closed');
    case 'watching':
      return finish(call, 'closed', 'hang_up');
    case 'answering':
    case 'talking':
      return finish(call, 'hung_up', 'hang_up');
    case 'over':
      return only(call);
  }
}

/**
 * @param {Call} call
 * @param {DeadlineName} name
 * @returns {Step}
 */
function handleDeadline(call, name) {
  switch (name) {
    case 'ring': return finish(call, 'ring_timeout');
    case 'ask_again': return then({ ...call, asked: true }, { do: 'send', request: 'accept' });
    case 'offer':
    case 'confirm':
    case 'lost':
      return finish({ ...call, media: 'failed' }, 'connection_lost', call.id === null ? undefined : 'hang_up');
  }
}

/**
 * @param {string} station
 * @returns {Call}
 */
function blank(station) {
  return {
    phase: 'requested', id: null, station, button: null, rings: 0, rang: false, timeoutMs: 0, media: 'none', lost: false,
    renewing: false, channel: false, reachable: true, asked: false, talked: false, reason: null,
  };
}

/**
 * @param {Call} call
 * @param {string} offer
 * @returns {Step}
 */
function answer(call, offer) {
  return then({ ...call, media: 'connecting', renewing: false, channel: false }, { do: 'answer', offer });
}

/**
 * @param {Call} call
 * @param {Reason} reason
 * @param {'decline'|'hang_up'} [request] what the station is told
 * @returns {Step}
 */
function finish(call, reason, request) {
  const over = { ...call, phase: /** @type {Phase} */ ('over'), reason };
  return request === undefined
    ? then(over, { do: 'close' })
    : then(over, { do: 'send', request }, { do: 'close' });
}

/**
 * @param {Call} call
 * @returns {Step}
 */
function only(call) {
  return { call, effects: [] };
}

/**
 * @param {Call} call
 * @param {...Effect} effects
 * @returns {Step}
 */
function then(call, ...effects) {
  return { call, effects };
}
