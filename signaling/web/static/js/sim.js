// The panel of the simulated board: a door station to press, and what its board does.

import { isKey, locale, text } from './strings.js';
import { announce, byId, make, part, setAttribute, setText, started, told, translate } from './view/dom.js';
import { icon } from './view/icons.js';

/** @typedef {import('../../types/sim').SimState} SimState */

/** A click of a mouse can be shorter than a finger's press, which the station's filter may take for a bounce. */
const SHORTEST_PRESS_MS = 150;
const SHOWN_MOVES = 8;

/** What the board has no name for. */
const OTHER_BUTTONS = /** @type {const} */ ({
  hang_up: { word: 'sim.button.hang_up', icon: 'hang-up' },
  exit: { word: 'sim.button.exit', icon: 'unlock' },
});

const unit = byId('unit', HTMLElement);
/** @type {Map<string, SimButton>} */
const buttons = new Map();
/** @type {Map<string, HTMLElement>} */
const relays = new Map();

translate();
document.title = text('sim.title');
showLink('connecting');

const events = new EventSource('sim/events');
events.onopen = () => showLink('online');
events.onerror = () => {
  showLink('offline');
  told();
};
events.onmessage = (/** @type {MessageEvent<string>} */ event) => render(JSON.parse(event.data));
void offerPage();
started();

/** @param {SimState} state */
function render(state) {
  setText(byId('station-name', HTMLElement), state.station);
  unit.dataset.indicator = state.indicator;
  unit.dataset.activity = state.activity;
  const indicator = byId('indicator', HTMLElement);
  indicator.dataset.state = state.indicator;
  setText(indicator, word(`sim.indicator.${state.indicator}`, state.indicator));
  setText(byId('activity', HTMLElement), word(`station.${state.activity}`, state.activity));
  setText(byId('chime', HTMLElement), word(`sim.chime.${state.chime}`, state.chime));
  showLevel('microphone', state.microphone_dbfs);
  showLevel('speaker', state.speaker_dbfs);
  renderButtons(state);
  renderRelays(state);
  renderMoves(state);
  told();
}

/** @param {SimState} state */
function renderButtons(state) {
  for (const { id, label, role, pressed } of state.buttons) {
    let button = buttons.get(id);
    if (button === undefined) {
      button = new SimButton(id, role);
      buttons.set(id, button);
      byId('buttons', HTMLElement).append(button.element);
    }
    button.render(role === 'call' ? label : text(OTHER_BUTTONS[role].word), pressed);
  }
}

/** @param {SimState} state */
function renderRelays(state) {
  for (const { id, label, energised } of state.relays) {
    const known = relays.get(id);
    const relay = known ?? makeDoor(id);
    if (known === undefined) {
      relays.set(id, relay);
      byId('relays', HTMLElement).append(relay);
    }
    const before = relay.dataset.energised;
    relay.dataset.energised = String(energised);
    const words = text(energised ? 'sim.relay.open' : 'sim.relay.shut');
    setText(part(relay, '.relay-name'), label);
    setText(part(relay, '.relay-state'), words);
    if (before !== undefined && before !== relay.dataset.energised) announce(`${label}: ${words}`);
  }
}

/** @param {SimState} state */
function renderMoves(state) {
  const moves = state.relays
    .flatMap((relay) => relay.moves.map((move) => ({ ...move, label: relay.label })))
    .sort((a, b) => b.at_ms - a.at_ms)
    .slice(0, SHOWN_MOVES);
  byId('no-moves', HTMLElement).hidden = moves.length > 0;
  const list = byId('moves', HTMLOListElement);
  const key = JSON.stringify(moves);
  if (list.dataset.key === key) return;
  list.dataset.key = key;
  list.replaceChildren(...moves.map(({ at_ms: at, energised, label }) => {
    const item = make('li', '', make('span', 'move-dot'), make('span', '', label),
      make('span', 'soft', text(energised ? 'sim.relay.open' : 'sim.relay.shut')),
      make('time', '', new Date(at).toLocaleTimeString(locale, { hour12: false })));
    item.dataset.energised = String(energised);
    return item;
  }));
}

/** A button: what happens to it on the screen is what happens to the board's line. */
class SimButton {
  element = make('button', 'press');
  #id;
  #label = make('span', 'press-label');
  #down = false;
  #downAt = 0;
  /** Presses and releases arrive in their order. */
  #queue = Promise.resolve();

  /**
   * @param {string} id
   * @param {SimState['buttons'][0]['role']} role
   */
  constructor(id, role) {
    this.#id = id;
    const { element } = this;
    element.type = 'button';
    element.dataset.button = id;
    element.dataset.role = role;
    element.append(make('span', 'press-cap', icon(role === 'call' ? 'bell' : OTHER_BUTTONS[role].icon)), this.#label);
    element.addEventListener('pointerdown', (event) => {
      if (event.button !== 0) return;
      element.setPointerCapture(event.pointerId);
      this.#press();
    });
    for (const type of /** @type {const} */ (['pointerup', 'pointercancel', 'blur'])) {
      element.addEventListener(type, () => this.#release());
    }
    element.addEventListener('contextmenu', (event) => event.preventDefault());
    element.addEventListener('keydown', (event) => {
      if (event.key !== ' ' && event.key !== 'Enter') return;
      event.preventDefault();
      if (!event.repeat) this.#press();
    });
    element.addEventListener('keyup', (event) => {
      if (event.key !== ' ' && event.key !== 'Enter') return;
      event.preventDefault();
      this.#release();
    });
    element.addEventListener('click', (event) => {
      // By a screen reader or a script: a press without a hold.
      if (event.detail === 0) {
        this.#post({
          button: id,
          steps: [{ pressed: true, for_ms: SHORTEST_PRESS_MS }, { pressed: false, for_ms: 0 }],
        });
      }
    });
  }

  /**
   * @param {string} label
   * @param {boolean} pressed
   */
  render(label, pressed) {
    setText(this.#label, label);
    setAttribute(this.element, 'aria-label', text('sim.press', { button: label }));
    this.element.dataset.pressed = String(pressed || this.#down);
  }

  #press() {
    if (this.#down) return;
    this.#down = true;
    this.#downAt = performance.now();
    this.element.dataset.pressed = 'true';
    this.#post({ button: this.#id, pressed: true });
  }

  #release() {
    if (!this.#down) return;
    this.#down = false;
    this.element.dataset.pressed = 'false';
    const rest = SHORTEST_PRESS_MS - (performance.now() - this.#downAt);
    if (rest > 0) this.#queue = this.#queue.then(() => new Promise((done) => setTimeout(done, rest)));
    this.#post({ button: this.#id, pressed: false });
  }

  /** @param {object} body */
  #post(body) {
    this.#queue = this.#queue.then(async () => {
      try {
        const answer = await fetch('sim/press', {
          method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body),
        });
        if (!answer.ok) console.warn(`Doorway: the press was not taken: ${answer.status} ${await answer.text()}`);
      } catch (error) {
        console.warn('Doorway: the press was not taken', error);
      }
    });
  }
}

/** @param {string} id */
function makeDoor(id) {
  const door = make('div', 'relay',
    make('div', 'frame', make('div', 'room'), make('div', 'leaf', make('span', 'pane'), make('span', 'pane'), make('span', 'knob'))),
    make('p', 'relay-name'), make('p', 'relay-state'));
  door.dataset.relay = id;
  part(door, '.frame').setAttribute('aria-hidden', 'true');
  return door;
}

/**
 * @param {'microphone'|'speaker'} name
 * @param {number|null} dbfs
 */
function showLevel(name, dbfs) {
  const silent = dbfs === null || !Number.isFinite(dbfs) || dbfs <= -60;
  const level = silent ? -60 : Math.min(0, dbfs);
  const meter = byId(name, HTMLElement);
  meter.style.setProperty('--level', String((level + 60) / 60));
  meter.dataset.loud = String(level > -3);
  setAttribute(meter, 'aria-valuenow', String(Math.round(level)));
  setText(byId(`${name}-text`, HTMLElement), silent ? text('sim.silent') : text('sim.dbfs', { value: Math.round(dbfs) }));
}

/**
 * @param {string} key
 * @param {string} otherwise - what a newer daemon says and this panel has no word for
 */
function word(key, otherwise) {
  return isKey(key) ? text(key) : otherwise;
}

/** @param {'connecting'|'online'|'offline'} link */
function showLink(link) {
  document.body.dataset.link = link;
  setText(byId('link-text', HTMLElement), text(`sim.link.${link}`));
}

/** The panel is served beside the page, or alone on the daemon's local endpoint. */
async function offerPage() {
  try {
    byId('page', HTMLElement).hidden = !(await fetch('healthz')).ok;
  } catch {
    // Alone.
  }
}
