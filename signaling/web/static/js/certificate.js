// The page about a station's certificate: what to do with it, for this device first. It is the one page that is served
// over plain HTTP too, before anything can be trusted.

import { byId, translate } from './view/dom.js';

/** @typedef {'ios'|'android'|'mac'|'windows'|'linux'} Platform */

translate();
// Not a file of the page: the station makes it.
byId('certificate-get', HTMLAnchorElement).href = 'ca.crt';
show(platformOf(navigator.userAgent, navigator.maxTouchPoints));

/**
 * @param {string} agent - as `navigator.userAgent`
 * @param {number} touches - as `navigator.maxTouchPoints`
 * @returns {Platform}
 */
export function platformOf(agent, touches) {
  if (/iPhone|iPad|iPod/.test(agent)) return 'ios';
  // An iPad calls itself a Mac, and no Mac is touched.
  if (/Macintosh/.test(agent)) return touches > 1 ? 'ios' : 'mac';
  if (/Android/.test(agent)) return 'android';
  return /Windows/.test(agent) ? 'windows' : 'linux';
}

/** @param {Platform} platform - whose steps come first, and open */
function show(platform) {
  const list = byId('platforms', HTMLElement);
  const ours = list.querySelector(`[data-platform="${platform}"]`);
  if (!(ours instanceof HTMLDetailsElement)) return;
  ours.open = true;
  list.prepend(ours);
}
