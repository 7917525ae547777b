import assert from 'node:assert/strict';
import { afterEach, mock, test } from 'node:test';

/** @typedef {{title: string, tag: string, data: string, closed: boolean}} Shown */

const page = Object.assign(new EventTarget(), { hidden: true, title: '' });
/** @type {Shown[]} by the worker or by the page */
let shown = [];
/** @type {Map<string, (event: any) => void>} */
const handlers = new Map();
/** @type {{url: string, focused: boolean}[]} */
let windows = [];
/** @type {string[]} */
const opened = [];
let skipped = 0;

class FakeNotification {
  static permission = 'granted';
  static works = true;

  /**
   * @param {string} title
   * @param {{tag: string, data: string}} options
   */
  constructor(title, { tag, data }) {
    if (!FakeNotification.works) throw new TypeError('Illegal constructor');
    shown.push({ title, tag, data, closed: false });
  }

  close() {
    for (const one of shown) one.closed = true;
  }
}

const registration = {
  showNotification: async (/** @type {string} */ title, /** @type {{tag: string, data: string}} */ { tag, data }) => {
    shown.push({ title, tag, data, closed: false });
  },
  getNotifications: async () => shown.filter((one) => !one.closed).map((one) => ({
    close: () => {
      one.closed = true;
    },
  })),
};
const browser = {
  languages: ['en'],
  userAgent: '',
  serviceWorker: {
    works: true,
    register: async () => {
      if (!browser.serviceWorker.works) throw new Error('SecurityError');
    },
    ready: /** @type {Promise<typeof registration>} */ (Promise.resolve(registration)),
  },
};
Object.defineProperty(globalThis, 'navigator', { value: browser, configurable: true });
Object.assign(globalThis, {
  document: page,
  Notification: FakeNotification,
  isSecureContext: true,
  location: { href: 'https://door.lan/?name=Kitchen#x' },
  addEventListener: page.addEventListener.bind(page),
  caches: {
    open: async () => {
      throw new DOMException('no room', 'QuotaExceededError');
    },
  },
  self: {
    skipWaiting: async () => {
      skipped += 1;
    },
    registration: { scope: 'https://door.lan/' },
    addEventListener: handlers.set.bind(handlers),
    clients: {
      matchAll: async () => windows.map((one) => ({
        url: one.url,
        focus: async () => {
          one.focused = true;
        },
      })),
      openWindow: async (/** @type {string} */ url) => opened.push(url),
    },
  },
});
const { Attention } = await import('../static/js/attention.js');
// No module: TypeScript would look for what it exports.
await import(/** @type {string} */ ('../static/sw.js'));

/** @type {InstanceType<typeof Attention>[]} */
const made = [];
const CALLER = { name: 'Front door', button: 'Flat 2' };

/** Lets everything that was started get to its end. */
function settled() {
  return new Promise((resolve) => {
    setTimeout(resolve, 5);
  });
}

/** @param {{worker: boolean, constructible?: boolean, agent?: string}} how */
function open({ worker, constructible = true, agent = 'Mozilla/5.0 (X11; Linux x86_64)' }) {
  shown = [];
  page.hidden = true;
  browser.serviceWorker.works = worker;
  browser.userAgent = agent;
  FakeNotification.works = constructible;
  FakeNotification.permission = 'granted';
  const attention = new Attention(() => undefined);
  made.push(attention);
  return attention;
}

// The title of a page that rings flashes until somebody says that it is over.
afterEach(() => {
  for (const attention of made.splice(0)) attention.call(null);
});

test('a ring behind another window is shown by the worker and taken away when it is over', async () => {
  const ringing = open({ worker: true, constructible: false });
  await settled();
  ringing.call(CALLER);
  await settled();
  assert.deepEqual(shown, [{ title: 'Front door', tag: 'doorway-ring', data: 'https://door.lan/?name=Kitchen', closed: false }]);
  assert.equal(ringing.state, 'granted');
  ringing.call(null);
  assert.equal(shown[0]?.closed, true);
});

test('a ring that is over before the browser has shown it does not stay', async () => {
  const ringing = open({ worker: true });
  await settled();
  ringing.call(CALLER);
  await Promise.resolve();
  ringing.call(null);
  await settled();
  assert.deepEqual(shown.filter((one) => !one.closed), []);
});

test('a notification goes when somebody looks at the page', async () => {
  const ringing = open({ worker: true });
  ringing.call(CALLER);
  await settled();
  page.hidden = false;
  page.dispatchEvent(new Event('visibilitychange'));
  assert.deepEqual(shown.map((one) => one.closed), [true]);
});

test('what an earlier page left is taken away', async () => {
  open({ worker: true });
  shown.push({ title: 'old', tag: 'doorway-ring', data: '', closed: false });
  await settled();
  assert.equal(shown[0]?.closed, true);
});

test('without a worker the page shows it itself', async () => {
  const ringing = open({ worker: false });
  ringing.call(CALLER);
  await settled();
  assert.deepEqual([shown.length, ringing.state], [1, 'granted']);
  ringing.call(null);
  assert.equal(shown[0]?.closed, true);
});

test('a worker that does not come is not waited for, and asked for again with the next ring', async (t) => {
  const turns = async () => {
    for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
  };
  mock.timers.enable({ apis: ['setTimeout'] });
  t.after(() => mock.timers.reset());
  browser.serviceWorker.ready = new Promise(() => undefined);
  const ringing = open({ worker: true });
  ringing.call(CALLER);
  await turns();
  assert.equal(shown.length, 0);
  mock.timers.tick(5_000);
  await turns();
  assert.equal(shown.length, 1, 'the page shows it itself');
  ringing.call(null);
  browser.serviceWorker.ready = Promise.resolve(registration);
  FakeNotification.works = false;
  ringing.call(CALLER);
  await turns();
  assert.deepEqual([shown.length, ringing.state], [2, 'granted'], 'the worker shows it');
});

test('a worker that can keep nothing is installed all the same', async () => {
  /** @type {Promise<unknown>} */
  let done = Promise.reject(new Error('nothing was waited for'));
  done.catch(() => undefined);
  handlers.get('install')?.({ waitUntil: (/** @type {Promise<unknown>} */ promise) => {
    done = promise;
  } });
  await done;
  assert.equal(skipped, 1);
});

test('where neither works nobody is told that notifications are on', async () => {
  const phone = open({ worker: false, constructible: false, agent: 'Mozilla/5.0 (Linux; Android 15)' });
  await settled();
  assert.equal(phone.state, 'failed', 'before it ever rang');
  const other = open({ worker: false, constructible: false });
  other.call(CALLER);
  await settled();
  assert.equal(other.state, 'failed');
});

test('a click on the notification brings the page that rang, or opens it', async () => {
  const click = handlers.get('notificationclick');
  assert.ok(click !== undefined);
  const clicked = async () => {
    let closed = false;
    /** @type {Promise<unknown>} */
    let done = Promise.resolve();
    click({
      notification: {
        data: 'https://door.lan/?name=Kitchen',
        close: () => {
          closed = true;
        },
      },
      waitUntil: (/** @type {Promise<unknown>} */ promise) => {
        done = promise;
      },
    });
    await done;
    assert.ok(closed);
  };
  windows = [{ url: 'https://door.lan/sim.html', focused: false }, { url: 'https://door.lan/?name=Kitchen#y', focused: false }];
  await clicked();
  assert.deepEqual([windows.map((one) => one.focused), opened], [[false, true], []]);
  windows.pop();
  await clicked();
  assert.deepEqual(opened, ['https://door.lan/?name=Kitchen']);
});
