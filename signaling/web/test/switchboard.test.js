import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Switchboard } from '../static/js/switchboard.js';
import { callLines } from '../static/js/screen/trouble.js';

/** @typedef {import('../types/messages').Activity} Activity */
/** @typedef {import('../types/messages').ClientSignal} ClientSignal */
/** @typedef {import('../types/messages').Station} Station */
/** @typedef {import('../types/messages').StationSignal} StationSignal */
/** @typedef {import('../static/js/session.js').Session} Session */

/** A connection that takes every offer and never gets anywhere by itself. */
class FakeConnection extends EventTarget {
  static made = 0;
  connectionState = 'new';
  onconnectionstatechange = () => undefined;
  /** @type {(event: {channel: object}) => void} */
  ondatachannel = () => undefined;
  /** @type {any[]} what went over the channel */
  sent = [];

  constructor() {
    super();
    FakeConnection.made += 1;
  }

  async setRemoteDescription() {
    return undefined;
  }

  async setLocalDescription() {
    return undefined;
  }

  async createAnswer() {
    return { sdp: 'the answer' };
  }

  getTransceivers() {
    return [];
  }

  close() {
    this.connectionState = 'closed';
  }

  /** What the station says over the channel goes into `onmessage`. */
  opensChannel() {
    const send = (/** @type {string} */ text) => this.sent.push(JSON.parse(text));
    const onmessage = (/** @type {{data: string}} */ event) => {
      assert.ok(event, 'the page listens');
    };
    const channel = { label: 'doorway', readyState: 'open', send, onmessage };
    this.ondatachannel({ channel });
    return channel;
  }

  /** @param {string} state */
  turns(state) {
    this.connectionState = state;
    this.onconnectionstatechange();
  }
}

Object.assign(globalThis, {
  RTCPeerConnection: FakeConnection,
  MediaStream: class {
    getTracks() {
      return [];
    }
  },
});

const BUTTON = { id: 'call', label: 'Bell' };

/**
 * @param {string} id
 * @param {Activity} [activity]
 * @returns {Station}
 */
function station(id, activity = 'idle') {
  const working = { state: /** @type {const} */ ('working') };
  return {
    id, name: id, activity, buttons: [BUTTON], doors: [], media: { camera: working, microphone: working, speaker: working },
  };
}

/** A switchboard between two stations and a page of which one only sees what it is told. */
class Bench {
  /** @type {[string, ClientSignal][]} what the stations were told since the last look */
  sent = [];
  rang = 0;
  /** @type {string[]} */
  rangInVain = [];
  /** @type {[Session, boolean][]} */
  over = [];
  checks = 0;
  companion = {
    link: 'online',
    signal: (/** @type {string} */ to, /** @type {ClientSignal} */ signal) => {
      if (this.companion.link === 'online') this.sent.push([to, signal]);
      return this.companion.link === 'online';
    },
    check: () => {
      this.checks += 1;
    },
  };
  sound = { srcObject: null, play: async () => undefined, pause: () => undefined };
  board = new Switchboard(/** @type {any} */ (this.companion), /** @type {any} */ (this.sound), {
    changed: () => undefined,
    rang: () => {
      this.rang += 1;
    },
    rangInVain: (from) => this.rangInVain.push(from),
    over: (session, shown) => this.over.push([session, shown]),
    pressedAgain: () => undefined,
  });

  constructor() {
    this.board.handleLink();
    this.board.handle({ type: 'welcome', version: 1, stations: [station('front'), station('gate')] });
  }

  /**
   * @param {string} from
   * @param {StationSignal} signal
   */
  says(from, signal) {
    this.board.handle({ type: 'signal', from, signal });
  }

  /**
   * @param {string} from
   * @param {string} call
   * @param {string|null} [offer]
   */
  rings(from, call, offer = 'an offer') {
    this.board.handle({ type: 'station', station: station(from, 'ringing') });
    this.says(from, { type: 'ring', call, button: BUTTON, offer, timeout_ms: 30_000, pressed_at_ms: 0 });
  }

  /** Talks with the visitor at the front door. */
  talks() {
    this.rings('front', 'f1');
    this.front.handle({ type: 'accept' });
    this.says('front', { type: 'accepted', call: 'f1' });
    this.turns('connected');
  }

  /** @param {string} state - of the front call's connection */
  turns(state) {
    this.connection.turns(state);
  }

  /** The front call's. */
  get connection() {
    const { peer } = this.front;
    assert.ok(peer !== null, 'it is connected');
    return /** @type {FakeConnection} */ (/** @type {unknown} */ (peer.connection));
  }

  get front() {
    const { front } = this.board;
    assert.ok(front !== null, 'a call is shown');
    return front;
  }

  /** What the stations were told since the last look, without what is said of the media. */
  told() {
    return this.sent.splice(0).filter(([, { type }]) => type !== 'answer' && type !== 'candidate')
      .map(([to, signal]) => ('call' in signal ? `${to} ${signal.type} ${signal.call}` : `${to} ${signal.type}`));
  }

  /** Ends what is on, so that no timer keeps the test alive. */
  close() {
    for (const session of [...this.board.waiting, ...(this.board.front === null ? [] : [this.board.front])]) {
      session.handle({ type: 'ended', reason: 'hung_up' });
    }
    assert.equal(this.board.front, null);
    assert.deepEqual(this.board.waiting, []);
  }
}

/**
 * @param {string} name
 * @param {(bench: Bench) => void|Promise<void>} run
 */
function bench(name, run) {
  test(name, async () => {
    const made = new Bench();
    try {
      await run(made);
    } finally {
      made.close();
    }
  });
}

bench('a ring is shown, confirmed and connected at once', async (it) => {
  it.rings('front', 'f1');
  assert.deepEqual([it.front.call.phase, it.rang], ['ringing', 1]);
  await it.front.peer?.answered;
  assert.deepEqual(it.sent.map(([, { type }]) => type), ['rang', 'answer']);
});

bench('a browser that can take no call confirms none, and is told that it rang', (it) => {
  Reflect.deleteProperty(globalThis, 'RTCPeerConnection');
  try {
    it.rings('front', 'f1');
    it.board.watch('gate');
  } finally {
    Object.assign(globalThis, { RTCPeerConnection: FakeConnection });
  }
  assert.deepEqual([it.board.front, it.rangInVain, it.told()], [null, ['front'], []]);
});

bench('a ring that can\'t be shown is not confirmed', (it) => {
  Object.assign(globalThis, {
    RTCPeerConnection: class {
      constructor() {
        throw new Error('no more connections');
      }
    },
  });
  try {
    it.rings('front', 'f1');
    assert.ok(false, 'it throws');
  } catch (error) {
    assert.match(String(error), /no more connections/);
  } finally {
    Object.assign(globalThis, { RTCPeerConnection: FakeConnection });
  }
  assert.deepEqual(it.told(), []);
});

bench('a second station that rings while somebody talks waits and is not connected', (it) => {
  it.talks();
  const before = FakeConnection.made;
  it.rings('gate', 'g1');
  assert.equal(it.front.call.id, 'f1');
  const [waiting] = it.board.waiting;
  assert.deepEqual([waiting?.call.id, waiting?.call.phase, waiting?.peer], ['g1', 'ringing', null]);
  assert.equal(FakeConnection.made, before);
  assert.deepEqual(it.told(), ['front rang f1', 'front accept f1', 'gate rang g1']);
});

bench('a second station that rings beside a ring is connected already', (it) => {
  it.rings('front', 'f1');
  it.rings('gate', 'g1');
  assert.equal(it.front.call.id, 'f1');
  assert.notEqual(it.board.waiting[0]?.peer ?? null, null);
});

bench('showing a call that waits hangs up the one that is talked in, and connects', (it) => {
  it.talks();
  it.rings('gate', 'g1');
  const [waiting] = it.board.waiting;
  assert.ok(waiting !== undefined);
  it.told();
  it.board.show(waiting);
  assert.equal(it.board.front, waiting);
  assert.notEqual(waiting.peer, null);
  assert.deepEqual(it.told(), ['front hang_up f1']);
  assert.deepEqual(it.over.map(([session, shown]) => [session.call.id, shown]), [['f1', true]]);
});

bench('showing one ring leaves the other ringing beside it', (it) => {
  it.rings('front', 'f1');
  it.rings('gate', 'g1');
  const [waiting] = it.board.waiting;
  assert.ok(waiting !== undefined);
  it.told();
  it.board.show(waiting);
  assert.deepEqual([it.front.call.id, it.board.waiting.map((one) => one.call.id)], ['g1', ['f1']]);
  assert.deepEqual(it.told(), []);
  // What does not wait cannot be shown.
  it.board.show(waiting);
  assert.equal(it.board.waiting.length, 1);
});

bench('of several calls that wait the one that was chosen is shown, connected', (it) => {
  it.talks();
  it.rings('gate', 'g1');
  it.rings('back', 'b1');
  const [gate, back] = it.board.waiting;
  assert.ok(gate !== undefined && back !== undefined);
  it.board.show(back);
  assert.deepEqual([it.front.call.id, gate.peer], ['b1', null]);
  // Beside one that rings as well, the other is connected only now.
  it.board.show(gate);
  assert.equal(it.front.call.id, 'g1');
  assert.notEqual(gate.peer, null);
});

bench('when the call that is shown ends, the one that waited longest follows', (it) => {
  it.talks();
  it.rings('gate', 'g1');
  it.rings('back', 'b1');
  it.front.handle({ type: 'hang_up' });
  assert.equal(it.front.call.id, 'g1');
  assert.notEqual(it.front.peer, null);
  assert.deepEqual(it.board.waiting.map((one) => [one.call.id, one.peer]), [['b1', null]]);
});

bench('a call that waits can be declined without a word to the one that is shown', (it) => {
  it.talks();
  it.rings('gate', 'g1');
  it.told();
  it.board.waiting[0]?.handle({ type: 'decline' });
  assert.deepEqual(it.told(), ['gate decline g1']);
  assert.equal(it.front.call.id, 'f1');
  assert.deepEqual(it.over.map(([session, shown]) => [session.call.id, shown]), [['g1', false]]);
});

bench('a visitor at another door ends a watch', (it) => {
  it.board.watch('front');
  it.says('front', { type: 'offer', call: 'w1', offer: 'o' });
  it.rings('gate', 'g1');
  assert.deepEqual([it.front.call.id, it.board.waiting.length], ['g1', 0]);
  assert.deepEqual(it.told(), ['front watch', 'front hang_up w1', 'gate rang g1']);
});

bench('a fifth call beside four is not taken', (it) => {
  for (const id of ['a', 'b', 'c', 'd']) it.rings(id, `${id}1`);
  it.told();
  it.rings('e', 'e1');
  assert.deepEqual([it.board.waiting.length, it.told()], [3, []]);
  // One of the four may well ring on.
  it.rings('a', 'a1', null);
  assert.deepEqual(it.told(), ['a rang a1']);
});

bench('a call that was declined here does not ring again', (it) => {
  it.rings('front', 'f1');
  it.front.handle({ type: 'decline' });
  it.told();
  it.rings('front', 'f1');
  assert.deepEqual([it.board.front, it.rang, it.told()], [null, 1, ['front decline f1']]);
  it.rings('front', 'f2');
  assert.equal(it.front.call.id, 'f2');
});

bench('a call that was lost here may ring again', (it) => {
  it.rings('front', 'f1');
  it.front.handle({ type: 'deadline', name: 'lost' });
  it.rings('front', 'f1');
  assert.equal(it.front.call.phase, 'ringing');
});

bench('ids are forgotten, the oldest first', (it) => {
  for (let i = 0; i <= 64; i += 1) {
    it.rings('front', `f${i}`);
    it.front.handle({ type: 'decline' });
  }
  it.rings('front', 'f1');
  assert.equal(it.board.front, null);
  it.rings('front', 'f0');
  assert.equal(it.front.call.id, 'f0');
});

bench('an offer that nobody waits for is hung up', (it) => {
  it.board.watch('front');
  it.front.handle({ type: 'hang_up' });
  it.told();
  it.says('front', { type: 'offer', call: 'w1', offer: 'o' });
  it.says('gate', { type: 'offer', call: 'w2', offer: 'o' });
  assert.deepEqual([it.board.front, it.told()], [null, ['front hang_up w1', 'gate hang_up w2']]);
});

bench('an offer of another station is not taken for the watch that was asked for', (it) => {
  it.board.watch('front');
  it.told();
  it.says('gate', { type: 'offer', call: 'w2', offer: 'o' });
  assert.deepEqual([it.front.call.phase, it.told()], ['requested', ['gate hang_up w2']]);
});

bench('who declined may watch the same call while it rings on elsewhere', (it) => {
  it.rings('front', 'f1');
  it.front.handle({ type: 'decline' });
  it.told();
  it.board.watch('front');
  it.says('front', { type: 'offer', call: 'f1', offer: 'o' });
  assert.deepEqual([it.front.call.phase, it.front.call.id], ['watching', 'f1']);
  assert.deepEqual(it.told(), ['front watch']);
  // The visitor presses again before the eyes of who watches: that rings.
  it.rings('front', 'f1', null);
  assert.deepEqual([it.front.call.phase, it.told()], ['ringing', ['front rang f1']]);
});

bench('whoever rang on other screens only may be let in by who watches', (it) => {
  it.board.handle({ type: 'station', station: station('front', 'ringing') });
  it.board.watch('front');
  it.says('front', { type: 'offer', call: 'f1', offer: 'o' });
  assert.equal(it.front.call.rang, true, 'it rang before');
  it.front.handle({ type: 'hang_up' });
  it.board.handle({ type: 'station', station: station('front', 'watched') });
  it.board.watch('front');
  it.says('front', { type: 'offer', call: 'f2', offer: 'o' });
  assert.equal(it.front.call.rang, false);
  it.board.handle({ type: 'station', station: station('front', 'ringing') });
  assert.deepEqual([it.front.call.phase, it.front.call.rang], ['watching', true], 'it rings while one looks');
  it.front.handle({ type: 'accept' });
  it.board.handle({ type: 'station', station: station('front', 'in_call') });
  it.says('front', { type: 'accepted', call: 'f2' });
  assert.deepEqual([it.front.call.phase, it.front.call.rang], ['talking', true]);
});

bench('a second watch is not asked for while a call is shown', (it) => {
  it.board.watch('front');
  it.board.watch('gate');
  assert.deepEqual(it.told(), ['front watch']);
});

bench('a watch of a station that cannot be reached ends with the reason', (it) => {
  it.board.watch('front');
  it.board.handle({ type: 'undeliverable', to: 'gate' });
  assert.equal(it.front.call.phase, 'requested');
  it.board.handle({ type: 'undeliverable', to: 'front' });
  assert.deepEqual(it.over.map(([session]) => session.call.reason), ['station_gone']);
});

bench('a watch that is refused ends with the reason, by no id or its own', (it) => {
  it.board.watch('front');
  it.says('front', { type: 'ended', call: 'another', reason: 'hung_up' });
  assert.equal(it.front.call.phase, 'requested');
  it.says('front', { type: 'ended', call: null, reason: 'busy' });
  assert.deepEqual(it.over.map(([session]) => session.call.reason), ['busy']);
});

bench('a station ends its own calls only', (it) => {
  it.talks();
  it.told();
  it.says('gate', { type: 'ended', call: 'f1', reason: 'hung_up' });
  it.says('front', { type: 'ended', call: null, reason: 'busy' });
  assert.equal(it.front.call.phase, 'talking');
  it.says('front', { type: 'offer', call: 'f2', offer: 'o' });
  assert.deepEqual([it.front.call.id, it.told()], ['f1', ['front hang_up f2']]);
});

bench('a connection that breaks asks its station anew, and takes the new offer', (it) => {
  it.talks();
  const before = it.front.peer;
  it.board.handle({ type: 'station', station: station('front', 'in_call') });
  it.told();
  it.turns('failed');
  assert.deepEqual([it.told(), it.checks], [['front reconnect f1'], 1]);
  it.says('front', { type: 'offer', call: 'f1', offer: 'newer' });
  assert.notEqual(it.front.peer, before);
  assert.deepEqual([it.front.call.phase, it.front.call.media, it.front.call.lost], ['talking', 'connecting', true]);
  it.turns('connected');
  assert.deepEqual([it.front.call.media, it.front.call.lost], ['connected', false]);
});

bench('a connection that breaks while the companion is away is asked for when it is back', (it) => {
  it.talks();
  it.board.handle({ type: 'station', station: station('front', 'in_call') });
  it.companion.link = 'offline';
  it.board.handleLink();
  it.told();
  it.turns('failed');
  assert.deepEqual([it.told(), it.checks], [[], 1]);
  it.companion.link = 'online';
  it.board.handleLink();
  assert.deepEqual(it.told(), ['front reconnect f1']);
  it.board.handle({ type: 'welcome', version: 1, stations: [station('front', 'idle')] });
  assert.deepEqual(it.over.map(([session]) => session.call.reason), ['connection_lost'], 'it was restarted');
});

bench('a station of another version is told of, and the call goes on', (it) => {
  it.talks();
  const channel = it.connection.opensChannel();
  const reasons = () => callLines(it.front, false).map((line) => line.reason);
  channel.onmessage({ data: JSON.stringify({ type: 'hello', version: 1, call: 'f1' }) });
  assert.ok(!reasons().includes('control_version'));
  channel.onmessage({ data: JSON.stringify({ type: 'hello', version: 2, call: 'f1' }) });
  assert.ok(reasons().includes('control_version'));
  assert.equal(it.front.call.phase, 'talking');
});

bench('a call without a data channel tells that no door opens, until there is one', (it) => {
  it.talks();
  const reasons = () => callLines(it.front, false).map((line) => line.reason);
  /** @type {import('../types/messages').ToClient} */
  const missing = { type: 'signal', from: 'front', signal: { type: 'channel_missing', call: 'f1' } };
  it.board.handle(missing);
  assert.ok(reasons().includes('channel_missing'));
  assert.equal(it.front.call.phase, 'talking');
  it.connection.opensChannel();
  assert.ok(!reasons().includes('channel_missing'));
  it.board.handle(missing);
  assert.ok(!reasons().includes('channel_missing'), 'what was said late is not true');
});

bench('a door is not asked over a connection that is away', (it) => {
  it.talks();
  it.board.handle({ type: 'station', station: station('front', 'in_call') });
  const { connection } = it;
  connection.opensChannel();
  it.front.doors.unlock('gate');
  assert.deepEqual(connection.sent, [{ type: 'unlock', request: 1, door: 'gate' }]);
  it.turns('failed');
  it.front.doors.unlock('door');
  assert.equal(it.front.doors.state('door').outcome, 'failed');
  assert.equal(connection.sent.length, 1);
});
