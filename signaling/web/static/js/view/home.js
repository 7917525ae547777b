// Home: the doors and how they are, who called, and what this screen may do to be noticed.

import { byId, make, part, setAttribute, setText } from './dom.js';
import { icon } from './icons.js';
import { clock, locale, text } from '../strings.js';

/** @typedef {import('../history.js').Entry} Entry */
/** @typedef {import('../screen/home.js').Card} Card */
/** @typedef {import('../screen/home.js').HomeScreen} HomeScreen */

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
  /** A person entered a secret, and was not let in since. */
  secretTried = false;

  #actions;
  /** @type {Map<string, {element: HTMLLIElement, drawn: string}>} */
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
      this.secretTried = true;
      actions.enter(input.value);
      input.value = '';
    });
  }

  /** @param {import('../companion.js').Link} link - as it is from now on */
  handleLink(link) {
    if (link === 'online') this.secretTried = false;
  }

  /** @param {HomeScreen} screen */
  render(screen) {
    setText(byId('link-text', HTMLElement), screen.link);
    setText(byId('headline', HTMLElement), screen.headline);
    const form = byId('secret', HTMLFormElement);
    if (form.hidden === screen.asksSecret) {
      form.hidden = !screen.asksSecret;
      if (screen.asksSecret) byId('secret-text', HTMLInputElement).focus();
    }
    byId('secret-wrong', HTMLElement).hidden = !screen.secretWrong;
    byId('no-stations', HTMLElement).hidden = !screen.empty;
    renderBrought(screen.brought);
    this.#renderStations(screen.cards);
    this.#renderCalls(screen.calls);
    this.#name.render(screen.name);
    setText(byId('tone-state', HTMLElement), screen.tone);
    byId('notify-row', HTMLElement).hidden = screen.notifications === null;
    byId('enable-notify', HTMLElement).hidden = screen.notifications?.mayTurnOn !== true;
    if (screen.notifications !== null) setText(byId('notify-state', HTMLElement), screen.notifications.text);
  }

  /** @param {Card[]} cards */
  #renderStations(cards) {
    const list = byId('stations', HTMLUListElement);
    for (const [id, { element }] of this.#cards) {
      if (cards.some((card) => card.id === id)) continue;
      element.remove();
      this.#cards.delete(id);
    }
    cards.forEach((card, index) => {
      const entry = this.#cards.get(card.id) ?? { element: this.#makeCard(card.id), drawn: '' };
      this.#cards.set(card.id, entry);
      const drawn = JSON.stringify(card);
      if (entry.drawn !== drawn) {
        entry.drawn = drawn;
        drawCard(entry.element, card);
      }
      if (list.children[index] !== entry.element) list.insertBefore(entry.element, list.children[index] ?? null);
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

/** @param {HomeScreen['brought']} brought */
function renderBrought(brought) {
  const card = byId('brought', HTMLElement);
  const hadFocus = card.contains(document.activeElement);
  card.hidden = brought === null;
  // Hidden with what has the focus, it would send the keyboard back to the top of the page.
  if (brought === null && hadFocus) byId('headline', HTMLElement).focus();
  if (brought === null) return;
  setText(byId('brought-text', HTMLElement), brought.text);
  setText(byId('brought-take', HTMLElement), brought.take);
  setText(byId('brought-drop', HTMLElement), brought.drop);
}

/** Loads the page past the service worker, which would show ours in place of what the browser has to say and to ask. */
export function askBrowser() {
  const { pathname, search, hash } = location;
  if (pathname.endsWith('/index.html')) location.reload();
  else location.assign(`index.html${search}${hash}`);
}

/**
 * @param {HTMLLIElement} element
 * @param {Card} card
 */
function drawCard(element, card) {
  element.dataset.activity = card.activity;
  element.dataset.camera = card.camera;
  setText(part(element, '.station-name'), card.name);
  setText(part(element, '.state-text'), card.state);
  part(element, '.station-health').replaceChildren(...card.lines.map((line) => {
    const item = make('li', '', icon(line.tone === 'warn' ? 'warn' : 'close'), make('span', '', line.text));
    item.dataset.tone = line.tone;
    if (line.detail !== undefined) item.append(make('span', 'station-detail', line.detail));
    return item;
  }));
  const button = part(element, '.watch');
  setAttribute(button, 'disabled', card.watch.able ? null : '');
  setAttribute(button, 'aria-label', card.watch.label);
  setText(part(button, '.watch-text'), card.watch.text);
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
