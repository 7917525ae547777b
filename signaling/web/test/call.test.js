import assert from 'node:assert/strict';
import { test } from 'node:test';

import { deadlines, LOST_MS, ring, step, watch } from '../static/js/call.js';

/** @typedef {import('../static/js/call.js').Call} Call */
/** @typedef {import('../static/js/call.js').Event} Event */
/** @typedef {import('../static/js/call.js').Step} Step */

const BUTTON = { id: 'call', label: 'Front door' };

function rung() {
  return ring('c1', 'front', BUTTON, 'the offer', 45_000);
}

/**
 * @param {Step} from
 * @param {...Event} events
 */
function after(from, ...events) {
  return events.reduce((state, event) => step(state.call, event), from);
}

/** @param {Call} call */
function names(call) {
  return deadlines(call).map((deadline) => deadline.name);
}

test('a ring is answered at once, before anybody clicks', () => {
  const { call, effects } = rung();
  assert.equal(call.phase, 'ringing');
  assert.deepEqual(effects, [{ do: 'answer', offer: 'the offer' }]);
  assert.deepEqual(deadlines(call), [{ name: 'ring', key: 'ring 1', ms: 48_000 }]);
});

test('the click says accept before it asks for the microphone', () => {
  const { call, effects } = after(rung(), { type: 'accept' });
  assert.equal(call.phase, 'answering');
  assert.deepEqual(effects, [{ do: 'send', request: 'accept' }, { do: 'talk' }]);
});

test('who watches what rings on other screens talks to who rang', () => {
  const requested = watch('front');
  assert.equal(after(requested, { type: 'station_rings' }).call.rang, false, 'another call, which may be over by then');
  const watching = after(requested, { type: 'offered', id: 'c1', offer: 'the offer' });
  assert.equal(watching.call.rang, false);
  const talking = after(watching, { type: 'station_rings' }, { type: 'accept' }, { type: 'accepted' });
  assert.deepEqual([talking.call.phase, talking.call.rang, talking.call.button], ['talking', true, null]);
  assert.equal(after(watching, { type: 'accept' }, { type: 'accepted' }, { type: 'station_rings' }).call.rang, false);
  assert.equal(rung().call.rang, true);
});

test('a second click does nothing', () => {
  assert.deepEqual(after(rung(), { type: 'accept' }, { type: 'accept' }).effects, []);
});

test('accepted by both ways talks once', () => {
  const talking = after(rung(), { type: 'accept' }, { type: 'accepted' });
  assert.equal(talking.call.phase, 'talking');
  assert.deepEqual(step(talking.call, { type: 'accepted' }).effects, []);
});

test('an accept that nobody confirms is said again and then given up', () => {
  const answering = after(rung(), { type: 'accept' });
  assert.deepEqual(names(answering.call), ['confirm', 'ask_again']);
  const again = step(answering.call, { type: 'deadline', name: 'ask_again' });
  assert.deepEqual(again.effects, [{ do: 'send', request: 'accept' }]);
  assert.deepEqual(names(again.call), ['confirm']);
  const over = step(again.call, { type: 'deadline', name: 'confirm' });
  assert.equal(over.call.reason, 'connection_lost');
});

test('somebody else was first', () => {
  const { call, effects } = after(rung(), { type: 'accept' }, { type: 'ended', reason: 'answered_elsewhere' });
  assert.deepEqual([call.phase, call.reason], ['over', 'answered_elsewhere']);
  assert.deepEqual(effects, [{ do: 'close' }]);
});

test('a lost connection has its time to come back', () => {
  const talking = after(rung(), { type: 'media', media: 'connected' }, { type: 'accept' }, { type: 'accepted' });
  assert.deepEqual(deadlines(talking.call), []);
  const lost = step(talking.call, { type: 'media', media: 'reconnecting' });
  assert.deepEqual(deadlines(lost.call), [{ name: 'lost', key: 'lost', ms: LOST_MS }]);
  assert.deepEqual(deadlines(step(lost.call, { type: 'media', media: 'connected' }).call), []);
  const over = step(lost.call, { type: 'deadline', name: 'lost' });
  assert.deepEqual([over.call.phase, over.call.reason, over.call.media], ['over', 'connection_lost', 'failed']);
});

/** A call that is talked in and has just lost its connection. */
function broken() {
  return after(rung(), { type: 'media', media: 'connected' }, { type: 'accept' }, { type: 'accepted' },
    { type: 'media', media: 'reconnecting' });
}

/** @param {Step} state */
function asks(state) {
  return state.effects.filter((effect) => effect.do === 'send' && effect.request === 'reconnect').length;
}

test('a lost connection is asked for anew, once, and the link is looked at', () => {
  const lost = broken();
  assert.deepEqual(lost.effects, [{ do: 'send', request: 'reconnect' }, { do: 'check_link' }]);
  const again = after(lost, { type: 'offered', id: 'c1', offer: 'newer' });
  assert.deepEqual(again.effects, [{ do: 'answer', offer: 'newer' }]);
  // The new connection fails as well: the same loss.
  assert.deepEqual(step(again.call, { type: 'media', media: 'reconnecting' }).effects, []);
  const back = after(again, { type: 'media', media: 'connected' });
  assert.equal(back.call.phase, 'talking');
  assert.equal(asks(step(back.call, { type: 'media', media: 'reconnecting' })), 1, 'the next loss');
});

test('a connection that is made anew does not get more time', () => {
  const lost = broken();
  const renewed = after(lost, { type: 'offered', id: 'c1', offer: 'newer' });
  assert.equal(renewed.call.media, 'connecting');
  assert.deepEqual(deadlines(renewed.call), deadlines(lost.call));
});

test('a station that is out of reach is asked when it is back, each time', () => {
  const talking = after(rung(), { type: 'media', media: 'connected' }, { type: 'accept' }, { type: 'accepted' });
  const alone = after(talking, { type: 'reachable', reachable: false }, { type: 'media', media: 'reconnecting' });
  assert.deepEqual(alone.effects, [{ do: 'check_link' }]);
  const back = step(alone.call, { type: 'reachable', reachable: true });
  assert.equal(asks(back), 1);
  assert.equal(asks(step(back.call, { type: 'reachable', reachable: true })), 0, 'it was not away');
  assert.equal(asks(after(back, { type: 'reachable', reachable: false }, { type: 'reachable', reachable: true })), 1);
});

test('a station that comes back is not asked for a connection that is alive', () => {
  const talking = after(rung(), { type: 'media', media: 'connected' }, { type: 'accept' }, { type: 'accepted' });
  assert.deepEqual(after(talking, { type: 'reachable', reachable: false }, { type: 'reachable', reachable: true }).effects, []);
});

test('an offer that was asked for is taken though the old connection came back meanwhile', () => {
  const late = after(broken(), { type: 'media', media: 'connected' }, { type: 'offered', id: 'c1', offer: 'newer' });
  assert.deepEqual(late.effects, [{ do: 'answer', offer: 'newer' }]);
  // It was the only one that was asked for.
  const alive = after(late, { type: 'media', media: 'connected' }, { type: 'offered', id: 'c1', offer: 'newest' });
  assert.deepEqual(alive.effects, []);
});

test('an accept that may be lost with its connection is said again', () => {
  const answering = after(rung(), { type: 'media', media: 'connected' }, { type: 'accept' });
  const lost = step(answering.call, { type: 'media', media: 'reconnecting' });
  const said = lost.effects.flatMap((effect) => effect.do === 'send' ? [effect.request] : []);
  assert.deepEqual(said, ['reconnect', 'accept']);
});

test('a ring whose connection broke is asked for anew and rings on', () => {
  const lost = after(rung(), { type: 'media', media: 'connected' }, { type: 'media', media: 'reconnecting' });
  assert.equal(asks(lost), 1);
  const again = step(lost.call, { type: 'rung', button: BUTTON, offer: 'newer', timeoutMs: 30_000 });
  assert.deepEqual([again.call.phase, again.effects], ['ringing', [{ do: 'answer', offer: 'newer' }]]);
});

test('who hangs up while the connection is away is out', () => {
  const over = after(broken(), { type: 'hang_up' });
  assert.deepEqual(over.effects, [{ do: 'send', request: 'hang_up' }, { do: 'close' }]);
  assert.deepEqual(after(over, { type: 'offered', id: 'c1', offer: 'newer' }).effects, []);
});

test('a watch without an id has no connection to ask for', () => {
  assert.equal(asks(after(watch('front'), { type: 'media', media: 'reconnecting' })), 0);
});

test('a call goes on without the companion', () => {
  const talking = after(rung(), { type: 'media', media: 'connected' }, { type: 'accept' }, { type: 'accepted' });
  const alone = step(talking.call, { type: 'reachable', reachable: false });
  assert.deepEqual(deadlines(alone.call), []);
});

test('a ring that can be reached by no way is a ghost after a while', () => {
  const ghost = after(rung(), { type: 'reachable', reachable: false });
  assert.deepEqual(names(ghost.call), ['ring', 'lost']);
  assert.deepEqual(names(step(ghost.call, { type: 'media', media: 'connected' }).call), ['ring']);
});

test('a station that was restarted ends what is not connected', () => {
  assert.equal(after(rung(), { type: 'station_idle' }).call.reason, 'connection_lost');
  const connected = after(rung(), { type: 'media', media: 'connected' }, { type: 'station_idle' });
  assert.equal(connected.call.phase, 'ringing');
});

test('a watch becomes a ring when the visitor presses, over the same connection', () => {
  const watching = after(watch('front'), { type: 'offered', id: 'w1', offer: 'o' }, { type: 'media', media: 'connected' });
  assert.equal(watching.call.phase, 'watching');
  const ringing = step(watching.call, { type: 'rung', button: BUTTON, offer: null, timeoutMs: 45_000 });
  assert.deepEqual([ringing.call.phase, ringing.call.media, ringing.effects.length], ['ringing', 'connected', 0]);
});

test('a watch turns into talking on a click', () => {
  const talking = after(watch('front'), { type: 'offered', id: 'w1', offer: 'o' }, { type: 'accept' }, { type: 'accepted' });
  assert.equal(talking.call.phase, 'talking');
});

test('a watch that is closed before it was offered tells nobody', () => {
  assert.deepEqual(after(watch('front'), { type: 'hang_up' }).effects, [{ do: 'close' }]);
});

test('a watch that nobody offers is given up', () => {
  const over = after(watch('front'), { type: 'deadline', name: 'offer' });
  assert.deepEqual(over.effects, [{ do: 'close' }]);
  assert.equal(over.call.reason, 'connection_lost');
});

test('a new ring of the same call takes its new offer', () => {
  const again = after(rung(), { type: 'rung', button: BUTTON, offer: 'newer', timeoutMs: 30_000 });
  assert.deepEqual(again.effects, [{ do: 'answer', offer: 'newer' }]);
  assert.deepEqual(deadlines(again.call), [{ name: 'ring', key: 'ring 2', ms: 33_000 }]);
});

test('a new ring does not break a call that is alive', () => {
  const talking = after(rung(), { type: 'media', media: 'connected' }, { type: 'accept' }, { type: 'accepted' });
  const again = step(talking.call, { type: 'rung', button: BUTTON, offer: 'newer', timeoutMs: 30_000 });
  assert.deepEqual([again.call.phase, again.effects.length], ['talking', 0]);
});

test('a station does not open the microphone of a page where nobody answered', () => {
  for (const state of [rung(), watch('front')]) {
    const accepted = step(state.call, { type: 'accepted' });
    assert.deepEqual([accepted.call.phase, accepted.effects], [state.call.phase, []]);
  }
});

test('whatever happens, every state has a deadline or a live connection, and what is over stays over', () => {
  let seed = 7;
  const random = (/** @type {number} */ n) => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
    return (seed >>> 8) % n;
  };
  /** @type {(() => Event)[]} */
  const events = [
    () => ({ type: 'rung', button: BUTTON, offer: random(2) === 0 ? null : 'o', timeoutMs: 1_000 }),
    () => ({ type: 'offered', id: 'c1', offer: 'o' }),
    () => ({ type: 'accept' }), () => ({ type: 'decline' }), () => ({ type: 'hang_up' }), () => ({ type: 'accepted' }),
    () => ({ type: 'ended', reason: 'hung_up' }),
    () => ({ type: 'media', media: /** @type {const} */ (['connected', 'connecting', 'reconnecting'])[random(3)] ?? 'connected' }),
    () => ({ type: 'channel', open: random(2) === 0 }),
    () => ({ type: 'reachable', reachable: random(2) === 0 }),
    () => ({ type: 'station_idle' }),
  ];
  for (let run = 0; run < 3_000; run += 1) {
    let state = random(2) === 0 ? rung() : watch('front');
    let closed = 0;
    for (let i = 0; i < 30; i += 1) {
      const due = deadlines(state.call);
      const event = due.length > 0 && random(6) === 0
        ? { type: /** @type {const} */ ('deadline'), name: due[random(due.length)]?.name ?? 'ring' }
        : events[random(events.length)]?.() ?? { type: /** @type {const} */ ('accept') };
      const wasLost = state.call.lost;
      const wasOver = state.call.phase === 'over';
      state = step(state.call, event);
      // Asked for once in a loss, and once more whenever the station is reachable again.
      if (event.type !== 'reachable' && event.type !== 'media') assert.equal(asks(state), 0);
      if (wasLost && event.type === 'media') assert.equal(asks(state), 0);
      closed += state.effects.filter((effect) => effect.do === 'close').length;
      if (wasOver) assert.deepEqual(state.effects, []);
      const { phase, media } = state.call;
      if (phase === 'over') assert.ok(state.call.reason !== null);
      else assert.ok(deadlines(state.call).length > 0 || media === 'connected', `${phase} ${media}`);
    }
    assert.equal(closed, state.call.phase === 'over' ? 1 : 0);
  }
});
