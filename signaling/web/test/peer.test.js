import assert from 'node:assert/strict';
import { mock, test } from 'node:test';

import { Peer } from '../static/js/peer.js';

/** @typedef {import('../static/js/peer.js').PeerMedia} PeerMedia */

/** A connection that is there, with a channel to a station that answers pings or is dead. */
class FakeConnection {
  connectionState = 'connected';
  onconnectionstatechange = () => undefined;
  /** @type {(event: {channel: object}) => void} */
  ondatachannel = () => undefined;
  setRemoteDescription = async () => undefined;
  setLocalDescription = async () => undefined;
  createAnswer = async () => ({ sdp: '' });
  getTransceivers = () => [];
  close = () => undefined;
}

Object.assign(globalThis, {
  RTCPeerConnection: FakeConnection,
  MediaStream: class {
    getTracks = () => [];
  },
});

/** @param {(bench: {peer: Peer, told: PeerMedia[], pass: (ms: number) => void, die: () => void}) => void} check */
function connected(check) {
  mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });
  const { now } = performance;
  let time = 0;
  let dead = false;
  performance.now = () => time;
  /** @type {PeerMedia[]} */
  const told = [];
  const nothing = () => undefined;
  const peer = new Peer('an offer', {
    answer: nothing, candidate: nothing, channel: nothing, event: nothing, broken: nothing,
    media: (media) => told.push(media),
  });
  const channel = {
    label: 'doorway', readyState: 'open', onmessage: (/** @type {{data: string}} */ event) => assert.ok(event),
    send: () => {
      if (!dead) setTimeout(() => channel.onmessage({ data: '{"type":"pong","token":1}' }), 5);
    },
  };
  try {
    /** @type {any} */ (peer.connection).ondatachannel({ channel });
    const pass = (/** @type {number} */ ms) => {
      for (let passed = 0; passed < ms; passed += 5) {
        time += 5;
        mock.timers.tick(5);
      }
    };
    pass(500);
    check({ peer, told, pass, die: () => { dead = true; } });
  } finally {
    peer.close();
    mock.timers.reset();
    performance.now = now;
  }
}

test('a station that is silent is given three seconds', () => connected(({ told, pass, die }) => {
  pass(5_000);
  assert.deepEqual(told, ['connected']);
  die();
  pass(3_400);
  assert.deepEqual(told, ['connected'], 'one that is slow is not lost');
  pass(1_200);
  assert.deepEqual(told, ['connected', 'reconnecting']);
}));

test('a station that the companion can\'t reach either is lost after one', () => connected(({ peer, told, pass, die }) => {
  die();
  peer.setReachable(false);
  pass(950);
  assert.deepEqual(told, ['connected']);
  pass(100);
  assert.deepEqual(told, ['connected', 'reconnecting']);
}));

test('a companion that goes away takes no call with it', () => connected(({ peer, told, pass }) => {
  peer.setReachable(false);
  pass(5_000);
  peer.setReachable(true);
  pass(5_000);
  assert.deepEqual(told, ['connected']);
}));
