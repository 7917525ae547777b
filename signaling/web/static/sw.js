// The service worker: phones let nobody else show notifications. It keeps no files and answers no requests, so that
// a new release of the page shows at once.

/** @typedef {import('../types/worker').WorkerScope} WorkerScope */

const worker = /** @type {WorkerScope} */ (/** @type {unknown} */ (self));

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
