// The service worker: phones let nobody else show notifications, and a page that is loaded while the station is away would
// be the browser's error. It keeps that one page and no other, so that a new release shows at once.

/** @typedef {import('../types/worker').WorkerScope} WorkerScope */

const worker = /** @type {WorkerScope} */ (/** @type {unknown} */ (self));

const CACHE = 'doorway-offline';
/** By addresses that nothing else asks for: the page's own files never come this way. */
const KEPT = ['offline.html', 'css/base.css?kept', 'js/offline.js?kept'];

worker.addEventListener('install', (event) => {
  event.waitUntil(keep().then(() => worker.skipWaiting()));
});

// The page says so once it is loaded: a new release may change what is kept, and not this file.
worker.addEventListener('message', (event) => {
  event.waitUntil(keep());
});

worker.addEventListener('activate', (event) => {
  event.waitUntil(worker.clients.claim());
});

worker.addEventListener('fetch', (event) => {
  const { request } = event;
  const { scope } = worker.registration;
  const [address = ''] = request.url.split(/[?#]/);
  if (request.mode === 'navigate' && address === scope) {
    event.respondWith(fetch(request).catch(() => kept('offline.html')));
  } else if (KEPT.some((path) => request.url === scope + path)) {
    event.respondWith(kept(request.url.slice(scope.length)));
  }
});

/** All or none of it. Notifications work without, so that it is no reason not to install. */
async function keep() {
  try {
    const cache = await caches.open(CACHE);
    await cache.addAll(KEPT.map((path) => new Request(path, { cache: 'no-cache' })));
  } catch (error) {
    console.info('Doorway: the page for a station that is away was not kept', error);
  }
}

/** @param {string} path - one of `KEPT` */
async function kept(path) {
  return await caches.match(worker.registration.scope + path) ?? Response.error();
}

worker.addEventListener('notificationclick', (event) => {
  event.notification.close();
  event.waitUntil(show(String(event.notification.data ?? worker.registration.scope)));
});

/**
 * Brings the page that rings to the front, or opens it if it is gone.
 *
 * @param {string} page - its address, without what follows a `#`
 */
async function show(page) {
  const windows = await worker.clients.matchAll({ type: 'window', includeUncontrolled: true });
  const open = windows.find((one) => one.url.replace(/#.*$/, '') === page);
  if (open === undefined) await worker.clients.openWindow(page);
  else await open.focus();
}
