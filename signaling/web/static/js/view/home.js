// Home: the doors and how they are, who called, and what this screen may do to be noticed.

import { byId, clock, make, part, setAttribute, setText } from './dom.js';
import { faultLines, healthLines } from './health.js';
import { icon } from './icons.js';
import { locale, text } from '../strings.js';

/** @typedef {import('../../../types/messages').Station} Station */
/** @typedef {import('../history.js').Entry} Entry */
/** @typedef {import('./notice.js').Line} Line */

/**
 * @typedef {object} HomeModel
 * @property {import('../companion.js').Link} link
 * @property {boolean} able - this browser can take calls
 * @property {import('../../../types/messages').Refusal|null} refusal
 * @property {boolean} mayBeCertificate - a browser that no longer trusts the station's certificate does not tell the page
 * @property {boolean} secretTried
 * @property {Station[]} stations
 * @property {Entry[]} calls
 * @property {string} screenName
 * @property {import('../identity.js').Brought} brought - by a link, and not decided on
 * @property {boolean} toneBlocked
 * @property {import('../attention.js').Notifications} notifications
 */

/**
 * @typedef {object} HomeActions
 * @property {(station: string) => void} watch
 * @property {() => void} clearCalls
 * @property {() => void} testTone
 * @property {() => void} enableNotifications
 * @property {(name: string) => void} rename
 * @property {(secret: string) => void} enter
 * @property {() => void} takeBrought
 * @property {() => void} dropBrought
 */

/** @type {Record<import('../history.js').Outcome, import('./icons.js').IconName>} */
const OUTCOME_ICONS = {
  missed: 'missed', declined: 'close', elsewhere: 'elsewhere', watched: 'eye', answered: 'answer',
};

export class HomeView {
  #actions;
  /** @type {Map<string, {card: HTMLLIElement, drawn: string}>} */
  #cards = new Map();
  #drawnCalls = '';
  #name;

  /** @param {HomeActions} actions */
  constructor(actions) {
    this.#actions = actions;
    byId('clear-calls', HTMLButtonElement).addEventListener('click', () => actions.clearCalls());
    byId('test-tone', HTMLButtonElement).addEventListener('click', () => actions.testTone());
    byId('enable-notify', HTMLButtonElement).addEventListener('click', () => actions.enableNotifications());
    byId('brought-take', HTMLButtonElement).addEventListener('click', () => actions.takeBrought());
    byId('brought-drop', HTMLButtonElement).addEventListener('click', () => actions.dropBrought());
    this.#name = new NameField(actions.rename);
    const form = byId('secret', HTMLFormElement);
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      const input = byId('secret-text', HTMLInputElement);
      actions.enter(input.value);
      input.value = '';
    });
  }

  /** @param {HomeModel} model */
  render(model) {
    const asks = model.link === 'refused' && model.refusal === 'secret';
    const unclaimed = model.link === 'refused' && model.refusal === 'unclaimed';
    setText(byId('link-text', HTMLElement), text(linkWords(model)));
    setText(byId('headline', HTMLElement), asks ? text('secret.title') : unclaimed ? text('claim.title') : headline(model));
    const form = byId('secret', HTMLFormElement);
    if (form.hidden === asks) {
      form.hidden = !asks;
      if (asks) byId('secret-text', HTMLInputElement).focus();
    }
    byId('secret-wrong', HTMLElement).hidden = !(asks && model.secretTried);
    byId('no-stations', HTMLElement).hidden = asks || model.stations.length > 0;
    renderBrought(model);
    this.#renderStations(model);
    this.#renderCalls(model.calls);
    this.#name.render(model.screenName);
    setText(byId('tone-state', HTMLElement), text(model.toneBlocked ? 'tone.blocked' : 'tone.ready'));
    byId('notify-row', HTMLElement).hidden = model.notifications === 'unsupported';
    byId('enable-notify', HTMLElement).hidden = model.notifications !== 'default';
    if (model.notifications !== 'unsupported') {
      setText(byId('notify-state', HTMLElement), text(`notify.${model.notifications}`));
    }
  }

  /** @param {HomeModel} model */
  #renderStations({ stations, link, able }) {
    const list = byId('stations', HTMLUListElement);
    for (const [id, { card }] of this.#cards) {
      if (stations.some((station) => station.id === id)) continue;
      card.remove();
      this.#cards.delete(id);
    }
    stations.forEach((station, index) => {
      const known = this.#cards.get(station.id);
      const entry = known ?? { card: this.#makeCard(station.id), drawn: '' };
      this.#cards.set(station.id, entry);
      const drawn = JSON.stringify([station, link]);
      if (entry.drawn !== drawn) {
        entry.drawn = drawn;
        drawCard(entry.card, station, link === 'online' && able);
      }
      if (list.children[index] !== entry.card) list.insertBefore(entry.card, list.children[index] ?? null);
    });
  }

  /** @param {string} id */
  #makeCard(id) {
    const button = make('button', 'button primary watch', icon('eye'), make('span', 'watch-text'));
    button.type = 'button';
    button.addEventListener('click', () => this.#actions.watch(id));
    const card = make('li', 'card station',
      make('span', 'station-art', icon('arch')),
      make('div', 'station-body',
        make('h3', 'station-name'),
        make('p', 'station-state', make('span', 'state-dot'), make('span', 'state-text')),
        make('ul', 'station-health')),
      button);
    card.dataset.station = id;
    return card;
  }

  /** @param {Entry[]} calls */
  #renderCalls(calls) {
    byId('clear-calls', HTMLElement).hidden = calls.length === 0;
    byId('no-calls', HTMLElement).hidden = calls.length > 0;
    // With the keyboard one scrolls what has the focus.
    setAttribute(byId('calls', HTMLOListElement), 'tabindex', calls.length > 0 ? '0' : null);
    // The day is part of what is drawn: 'today' becomes 'yesterday' at midnight.
    const drawn = JSON.stringify([calls, new Date().toDateString()]);
    if (drawn === this.#drawnCalls) return;
    this.#drawnCalls = drawn;
    byId('calls', HTMLOListElement).replaceChildren(...calls.map(drawCall));
  }
}

/** What this screen is called. It is told to nobody before a person has finished writing. */
class NameField {
  #input = byId('name-text', HTMLInputElement);
  #save = byId('name-save', HTMLButtonElement);
  /** @type {string|null} as it is kept; null before it was drawn */
  #kept = null;

  /** @param {(name: string) => void} rename */
  constructor(rename) {
    this.#input.placeholder = text('name.example');
    this.#input.addEventListener('input', () => this.#offerToSave());
    this.#input.addEventListener('keydown', (event) => {
      if (event.key !== 'Escape') return;
      this.#input.value = this.#kept ?? '';
      this.#offerToSave();
    });
    byId('name-form', HTMLFormElement).addEventListener('submit', (event) => {
      event.preventDefault();
      if (this.#changed) rename(this.#input.value);
      this.#input.blur();
    });
  }

  /** @param {string} name */
  render(name) {
    if (name === this.#kept) return;
    this.#kept = name;
    this.#input.value = name;
    this.#offerToSave();
  }

  get #changed() {
    return this.#input.value.trim() !== this.#kept;
  }

  #offerToSave() {
    this.#save.hidden = !this.#changed;
  }
}

/** @param {HomeModel} model */
function renderBrought({ brought: { name, secret }, screenName }) {
  const card = byId('brought', HTMLElement);
  const decided = name === null && secret === null;
  const hadFocus = card.contains(document.activeElement);
  card.hidden = decided;
  // Hidden with what has the focus, it would send the keyboard back to the top of the page.
  if (decided && hadFocus) byId('headline', HTMLElement).focus();
  const [said, take, drop] = secret !== null
    ? [text('brought.secret'), text('brought.secret.take'), text('brought.secret.drop')]
    : [text('brought.name', { name: name ?? '', kept: screenName }), text('brought.name.take', { name: name ?? '' }), text('brought.name.drop')];
  setText(byId('brought-text', HTMLElement), said);
  setText(byId('brought-take', HTMLElement), take);
  setText(byId('brought-drop', HTMLElement), drop);
}

/**
 * The notice of Home: why nothing can ring, if so.
 *
 * @param {HomeModel} model
 * @returns {Line[]}
 */
export function homeLines({ link, able, refusal, mayBeCertificate }) {
  /** @type {Line[]} */
  const lines = [];
  if (!able) lines.push({ reason: 'unable', text: text('link.unable.detail'), help: text('link.unable.help'), tone: 'warn' });
  if (refusal === 'version' && link === 'refused') {
    lines.push({ reason: 'version', text: text('link.version.detail'), tone: 'warn' });
  } else if (link === 'offline') {
    lines.push(refusal === 'full'
      ? { reason: 'full', text: text('link.full.detail'), tone: 'wait' }
      : {
        reason: 'offline', text: text('link.offline.detail'), tone: 'wait',
        ...(mayBeCertificate ? { help: text('link.certificate.help'), action: { label: text('link.certificate.reload'), run: askBrowser } } : {}),
      });
  }
  return lines;
}

/** Loads the page past the service worker, which would show ours in place of what the browser has to say and to ask. */
function askBrowser() {
  const { pathname, search, hash } = location;
  if (pathname.endsWith('/index.html')) location.reload();
  else location.assign(`index.html${search}${hash}`);
}

/**
 * @param {HomeModel} model
 * @returns {import('../strings.js').Key}
 */
export function linkWords({ link, able, refusal }) {
  if (link === 'refused' && refusal === 'unclaimed') return 'link.unclaimed';
  return link === 'online' && !able ? 'link.unable' : `link.${link}`;
}

/** @param {HomeModel} model */
function headline({ link, stations }) {
  const ringing = stations.find((station) => station.activity === 'ringing');
  const talking = stations.find((station) => station.activity === 'in_call');
  if (link !== 'online') return text('home.offline');
  if (stations.length === 0) return text('home.none');
  if (ringing !== undefined) return text('home.ringing', { name: ringing.name });
  if (talking !== undefined) return text('home.in_call', { name: talking.name });
  // 'All quiet' would be a lie where no press rings.
  if (stations.some(({ faults = [] }) => faults.length > 0)) return text('home.fault');
  const hour = new Date().getHours();
  return text(hour >= 21 || hour < 6 ? 'home.quiet.night' : 'home.quiet');
}

/**
 * @param {HTMLLIElement} card
 * @param {Station} station
 * @param {boolean} online
 */
function drawCard(card, station, online) {
  card.dataset.activity = station.activity;
  card.dataset.camera = station.media.camera.state;
  setText(part(card, '.station-name'), station.name);
  setText(part(card, '.state-text'), text(`station.${station.activity}`));
  part(card, '.station-health').replaceChildren(...[...faultLines(station), ...healthLines(station.media)].map((line) => {
    const item = make('li', '', icon(line.tone === 'warn' ? 'warn' : 'close'), make('span', '', line.text));
    item.dataset.tone = line.tone;
    if (line.detail !== undefined) item.append(make('span', 'station-detail', line.detail));
    return item;
  }));
  const button = part(card, '.watch');
  setAttribute(button, 'disabled', online ? null : '');
  setAttribute(button, 'aria-label', text('station.watch.label', { name: station.name }));
  setText(part(button, '.watch-text'), text('station.watch'));
}

/** @param {Entry} entry */
function drawCall(entry) {
  const at = new Date(entry.at);
  const what = entry.label === '' || entry.label === entry.name ? entry.name : `${entry.name} · ${entry.label}`;
  const length = entry.seconds > 0 ? ` · ${clock(entry.seconds)}` : '';
  const time = make('time', 'call-time', make('span', '', timeOf(at)), make('span', 'call-day', dayOf(at)));
  time.dateTime = at.toISOString();
  const item = make('li', 'call',
    make('span', 'call-icon', icon(OUTCOME_ICONS[entry.outcome])),
    make('div', 'call-text',
      make('p', 'call-what', what),
      make('p', 'call-outcome', text(`calls.${entry.outcome}`) + length)),
    time);
  item.dataset.outcome = entry.outcome;
  return item;
}

/** @param {Date} at */
function timeOf(at) {
  return at.toLocaleTimeString(locale, { hour: '2-digit', minute: '2-digit' });
}

/** @param {Date} at */
function dayOf(at) {
  const midnight = new Date().setHours(0, 0, 0, 0);
  if (at.getTime() >= midnight) return text('calls.today');
  if (at.getTime() >= midnight - 86_400_000) return text('calls.yesterday');
  return at.toLocaleDateString(locale, { day: 'numeric', month: 'short' });
}
