import assert from 'node:assert/strict';
import { mock, test } from 'node:test';

import { Companion } from '../static/js/companion.js';

/** A WebSocket as far as the companion's client uses it. */
class FakeSocket {
  static OPEN = 1;
  /** @type {FakeSocket[]} */
  static all = [];
  readyState = FakeSocket.OPEN;
  /** @type {any[]} */
  sent = [];
  onopen = () => undefined;
  onclose = () => undefined;
  /** @type {(event: {data: string}) => void} */
  onmessage = () => undefined;

  constructor() {
    FakeSocket.all.push(this);
  }

  /** @param {string} text */
  send(text) {
    this.sent.push(JSON.parse(text));
  }

  close() {
    this.readyState = 3;
  }

  /** @param {object} message */
  says(message) {
    this.onmessage({ data: JSON.stringify(message) });
  }

  get pings() {
    return this.sent.filter((message) => message.type === 'ping').length;
  }
}

const network = new EventTarget();
const page = new EventTarget();
Object.assign(globalThis, {
  WebSocket: FakeSocket,
  document: Object.assign(page, { hidden: false }),
  addEventListener: page.addEventListener.bind(page),
});
Object.defineProperty(globalThis, 'navigator', { value: { connection: network }, configurable: true });

/** @param {(companion: Companion, socket: FakeSocket) => void} check */
function online(check) {
  mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });
  try {
    FakeSocket.all = [];
    const identity = { id: 'page-1', resume: 'r', name: '', secret: null };
    const companion = new Companion('ws://localhost/ws', identity, { message: () => undefined, link: () => undefined });
    companion.connect();
    const [socket] = FakeSocket.all;
    assert.ok(socket !== undefined);
    socket.onopen();
    socket.says({ type: 'welcome', version: 1, stations: [] });
    assert.equal(companion.link, 'online');
    check(companion, socket);
  } finally {
    mock.timers.reset();
  }
}

test('a link that is doubted has two seconds to prove itself', () => online((companion, socket) => {
  companion.check();
  assert.equal(socket.pings, 1);
  mock.timers.tick(1_999);
  assert.equal(companion.link, 'online');
  mock.timers.tick(1);
  assert.equal(companion.link, 'offline');
  assert.equal(socket.readyState, 3);
}));

test('a link that answers stays, and may be doubted again', () => online((companion, socket) => {
  companion.check();
  mock.timers.tick(500);
  socket.says({ type: 'pong' });
  mock.timers.tick(5_000);
  assert.equal(companion.link, 'online');
  companion.check();
  assert.equal(socket.pings, 2);
}));

test('doubting again and again neither asks again nor gives more time', () => online((companion, socket) => {
  for (let i = 0; i < 10; i += 1) companion.check();
  assert.equal(socket.pings, 1);
  mock.timers.tick(2_000);
  assert.equal(companion.link, 'offline');
}));

test('a doubt cuts the patience of a ping that is on its way', () => online((companion, socket) => {
  mock.timers.tick(10_000);
  assert.equal(socket.pings, 1);
  companion.check();
  mock.timers.tick(2_000);
  assert.equal(companion.link, 'offline');
}));

test('a link that is gone is tried at once', () => online((companion, socket) => {
  socket.onclose();
  assert.equal(companion.link, 'offline');
  companion.check();
  assert.equal(FakeSocket.all.length, 2);
  companion.check();
  assert.equal(FakeSocket.all.length, 2, 'it is being tried');
}));

test('another name is said in a new hello, by the same page', () => online((companion, socket) => {
  assert.deepEqual(socket.sent[0]?.role, { kind: 'client' });
  companion.rename('Kitchen');
  const renamed = FakeSocket.all[1];
  assert.ok(renamed !== undefined);
  renamed.onopen();
  assert.deepEqual(renamed.sent[0]?.role, { kind: 'client', name: 'Kitchen' });
  assert.deepEqual([renamed.sent[0]?.id, renamed.sent[0]?.resume], [socket.sent[0]?.id, socket.sent[0]?.resume]);
  assert.equal(socket.readyState, 3);
}));

test('a page that is not let in does not knock for a name', () => online((companion, socket) => {
  socket.says({ type: 'refused', code: 'secret', message: '' });
  companion.rename('Kitchen');
  assert.equal(FakeSocket.all.length, 1);
}));

test('the network, another network and a person who comes back are reasons for doubt', () => {
  for (const [target, type] of /** @type {const} */ ([[page, 'online'], [page, 'visibilitychange'], [network, 'change']])) {
    online((_companion, socket) => {
      target.dispatchEvent(new Event(type));
      assert.equal(socket.pings, 1, type);
    });
  }
});

test('a companion that is away for long is said to be, until it is back', () => online((companion, socket) => {
  FakeSocket.all = [];
  socket.onclose();
  for (let tries = 1; tries <= 5; tries += 1) {
    assert.equal(companion.isAwayForLong, tries >= 5, `after ${tries} losses`);
    mock.timers.tick(60_000);
    FakeSocket.all.at(-1)?.onclose();
  }
  assert.equal(companion.link, 'offline');
  assert.ok(companion.isAwayForLong);
  mock.timers.tick(60_000);
  const last = FakeSocket.all.at(-1);
  last?.onopen();
  last?.says({ type: 'welcome', version: 1, stations: [] });
  assert.deepEqual([companion.link, companion.isAwayForLong], ['online', false]);
}));
