// What Home says: the doors and how they are, and why nothing can ring, if so.

import { text } from '../strings.js';
import { faultLines, healthLines } from './health.js';

/** @typedef {import('../../../types/messages').Station} Station */
/** @typedef {import('../screen.js').Line} Line */
/** @typedef {import('../screen.js').Page} Page */

/**
 * @typedef {object} HomeScreen
 * @property {string} link
 * @property {string} headline
 * @property {boolean} asksSecret
 * @property {boolean} secretWrong
 * @property {boolean} empty - it is said that there is no station
 * @property {{text: string, take: string, drop: string}|null} brought - the question about what a link brought
 * @property {Card[]} cards
 * @property {import('../history.js').Entry[]} calls
 * @property {string} name - of this screen
 * @property {string} tone
 * @property {{text: string, mayTurnOn: boolean}|null} notifications - null where there are none
 */

/**
 * @typedef {object} Card a station
 * @property {string} id
 * @property {string} name
 * @property {import('../../../types/messages').Activity} activity
 * @property {import('../../../types/messages').Health['state']} camera
 * @property {string} state
 * @property {Line[]} lines
 * @property {{text: string, label: string, able: boolean}} watch
 */

/**
 * @param {Page} page
 * @returns {HomeScreen}
 */
export function homeOf(page) {
  const { stations, notifications } = page;
  const sorted = [...stations.values()].sort((a, b) => a.name.localeCompare(b.name));
  const asksSecret = page.link === 'refused' && page.refusal === 'secret';
  return {
    link: text(linkWords(page)),
    headline: headline(page, sorted),
    asksSecret,
    secretWrong: asksSecret && page.secretTried,
    empty: !asksSecret && sorted.length === 0,
    brought: broughtOf(page),
    cards: sorted.map((station) => cardOf(page, station)),
    calls: page.calls,
    name: page.name,
    tone: text(page.toneBlocked ? 'tone.blocked' : 'tone.ready'),
    notifications: notifications === 'unsupported' ? null
      : { text: text(`notify.${notifications}`), mayTurnOn: notifications === 'default' },
  };
}

/**
 * The notice of Home: why nothing can ring, if so.
 *
 * @param {Pick<Page, 'able'|'link'|'refusal'|'awayForLong'|'secure'>} page
 * @returns {Line[]}
 */
export function homeLines({ able, link, refusal, awayForLong, secure }) {
  /** @type {Line[]} */
  const lines = [];
  if (!able) lines.push({ reason: 'unable', text: text('link.unable.detail'), help: text('link.unable.help'), tone: 'warn' });
  if (link === 'refused' && refusal === 'version') {
    lines.push({ reason: 'version', text: text('link.version.detail'), tone: 'warn' });
  } else if (link === 'offline' && refusal === 'full') {
    lines.push({ reason: 'full', text: text('link.full.detail'), tone: 'wait' });
  } else if (link === 'offline') {
    // A browser that no longer trusts the station's certificate does not tell the page.
    lines.push({
      reason: 'offline', text: text('link.offline.detail'), tone: 'wait',
      ...(awayForLong && secure
        ? { help: text('link.certificate.help'), action: { label: text('link.certificate.reload'), does: 'ask_browser' } } : {}),
    });
  }
  return lines;
}

/**
 * @param {Pick<Page, 'able'|'link'|'refusal'>} page
 * @returns {import('../strings.js').Key}
 */
export function linkWords({ able, link, refusal }) {
  if (link === 'refused' && refusal === 'unclaimed') return 'link.unclaimed';
  return link === 'online' && !able ? 'link.unable' : `link.${link}`;
}

/**
 * @param {Page} page
 * @param {Station[]} stations
 */
function headline({ link, refusal, now }, stations) {
  if (link === 'refused' && refusal === 'secret') return text('secret.title');
  if (link === 'refused' && refusal === 'unclaimed') return text('claim.title');
  if (link !== 'online') return text('home.offline');
  if (stations.length === 0) return text('home.none');
  const ringing = stations.find((station) => station.activity === 'ringing');
  const talking = stations.find((station) => station.activity === 'in_call');
  if (ringing !== undefined) return text('home.ringing', { name: ringing.name });
  if (talking !== undefined) return text('home.in_call', { name: talking.name });
  // 'All quiet' would be a lie where no press rings.
  if (stations.some(({ faults = [] }) => faults.length > 0)) return text('home.fault');
  const hour = new Date(now).getHours();
  return text(hour >= 21 || hour < 6 ? 'home.quiet.night' : 'home.quiet');
}

/** @param {Page} page */
function broughtOf({ brought: { name, secret }, name: kept }) {
  if (secret !== null) {
    return { text: text('brought.secret'), take: text('brought.secret.take'), drop: text('brought.secret.drop') };
  }
  if (name === null) return null;
  return { text: text('brought.name', { name, kept }), take: text('brought.name.take', { name }), drop: text('brought.name.drop') };
}

/**
 * @param {Page} page
 * @param {Station} station
 * @returns {Card}
 */
function cardOf({ link, able }, station) {
  const { id, name, activity, media } = station;
  return {
    id, name, activity, camera: media.camera.state, state: text(`station.${activity}`),
    lines: [...faultLines(station), ...healthLines(media)],
    watch: { text: text('station.watch'), label: text('station.watch.label', { name }), able: link === 'online' && able },
  };
}
