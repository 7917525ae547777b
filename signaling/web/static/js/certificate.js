// The page about a station's certificate: what to do with it, for this device first, and whether it is the right one.
//
// Over plain HTTP it is what a browser sees first, before anything can be trusted; one that trusts the station already
// is sent on.

import { firstTrusted, origins } from './landing.js';
import { patiently } from './patience.js';
import { locale, text } from './strings.js';
import { byId, setText, started, told, translate } from './view/dom.js';

/** @typedef {'ios'|'android'|'mac'|'windows'|'linux'} Platform */
/** @typedef {import('./landing.js').About} About */

/** How long a station in the house takes to answer at most. */
const PATIENCE_MS = 4_000;

const isPlain = location.protocol === 'http:';
const isLanding = isPlain && ['/', '/index.html'].includes(location.pathname);

translate();
// Not a file of the page: the station makes it.
byId('certificate-get', HTMLAnchorElement).href = 'ca.crt';
show(platformOf(navigator.userAgent, navigator.maxTouchPoints));
started();
void tell();

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

async function tell() {
  const about = await ask('certificate.json', (response) => /** @type {Promise<About>} */ (response.json()));
  const candidates = about === null || !isPlain ? [] : origins(location.hostname, about);
  if (about !== null) describe(about);
  lead(candidates);
  told();
  if (!isLanding) return;
  const trusted = await firstTrusted(candidates, async (origin) =>
    await ask(`${origin}/trusted`, async (response) => response.ok) === true);
  if (trusted !== null) location.replace(trusted + rest());
}

/** @param {About} about */
function describe(about) {
  setText(byId('certificate-words', HTMLElement), about.words);
  setText(byId('certificate-sha256', HTMLElement), about.fingerprint);
  const until = new Date(about.until * 1000).toLocaleDateString(locale, { day: 'numeric', month: 'long', year: 'numeric' });
  setText(byId('certificate-covers', HTMLElement), text('certificate.covers', { names: about.vouches_for.join(', '), until }));
  byId('certificate-is', HTMLElement).hidden = false;
}

/**
 * To HTTPS; beside it to the next best address, for a device that can't find the name.
 *
 * @param {string[]} candidates - origins, the best first
 */
function lead([best, other]) {
  if (best === undefined) return;
  byId('certificate-home', HTMLAnchorElement).href = best + rest();
  if (other === undefined) return;
  const link = byId('certificate-other', HTMLAnchorElement);
  link.href = other + rest();
  link.textContent = other;
  byId('certificate-elsewhere', HTMLElement).hidden = false;
}

/** What was asked for beside the page itself, such as a screen's name. */
function rest() {
  return isLanding ? `/${location.search}${location.hash}` : '/';
}

/**
 * @template T
 * @param {string} address
 * @param {(response: Response) => Promise<T>} read
 * @returns {Promise<T|null>} null when there is no answer, or none that is trusted
 */
async function ask(address, read) {
  try {
    return await patiently(PATIENCE_MS, async (signal) => {
      const response = await fetch(address, { cache: 'no-store', credentials: 'omit', signal });
      return response.ok ? await read(response) : null;
    });
  } catch {
    return null;
  }
}
