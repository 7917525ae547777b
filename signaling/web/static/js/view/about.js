// About the station: what runs there, and its updates.

import { byId, make, setAttribute, setText } from './dom.js';
import { text } from '../strings.js';

/** @typedef {import('../../../types/update').About} About */
/** @typedef {import('../../../types/update').Failure} Failure */
/** @typedef {import('../../../types/update').Phase} Phase */
/** @typedef {import('../update.js').Updates} Updates */

/**
 * @typedef {object} Words what the card says
 * @property {string} title
 * @property {string} help
 * @property {'quiet'|'busy'|'good'|'bad'} tone
 * @property {number|null} percent
 */

export class AboutView {
  /** Whether a person wants to look; a call goes before it. */
  open = false;

  #updates;
  #changed;
  #bar = byId('update-bar', HTMLProgressElement);
  #file = byId('update-file', HTMLInputElement);

  /**
   * @param {Updates} updates
   * @param {() => void} changed - `open`
   */
  constructor(updates, changed) {
    this.#updates = updates;
    this.#changed = changed;
    byId('open-about', HTMLButtonElement).addEventListener('click', () => this.#setOpen(true));
    byId('about-back', HTMLButtonElement).addEventListener('click', () => this.#setOpen(false));
    byId('update-choose', HTMLButtonElement).addEventListener('click', () => this.#file.click());
    this.#file.addEventListener('change', () => {
      const [file] = this.#file.files ?? [];
      if (file !== undefined) void updates.send(file).then(() => { this.#file.value = ''; });
    });
    byId('update-fetch', HTMLButtonElement).addEventListener('click', () => void updates.fetch());
    byId('update-check', HTMLButtonElement).addEventListener('click', () => void updates.check());
    byId('update-restart', HTMLButtonElement).addEventListener('click', () => void updates.restart());
    byId('update-dismiss', HTMLButtonElement).addEventListener('click', () => void updates.dismiss());
  }

  render() {
    const { about, reach } = this.#updates;
    const words = wordsOf(this.#updates);
    const phase = about?.update.phase.state ?? 'idle';
    setText(byId('about-station', HTMLElement), about?.station ?? text('about.station'));
    setText(byId('about-version', HTMLElement), versionOf(about));
    setText(byId('about-doorway', HTMLElement), about === null ? '' : text('about.doorway', { version: about.doorway }));
    byId('about-slot', HTMLElement).hidden = about?.slot === undefined || about.slot === null;
    setText(byId('about-slot', HTMLElement), text('about.slot', { slot: about?.slot ?? '' }));

    const card = byId('update', HTMLElement);
    card.dataset.tone = words.tone;
    card.dataset.state = reach === 'here' ? phase : reach;
    setText(byId('update-title', HTMLElement), words.title);
    setText(byId('update-help', HTMLElement), words.help);
    this.#bar.hidden = words.percent === null;
    if (words.percent !== null) this.#bar.value = words.percent;
    setText(byId('update-percent', HTMLElement), words.percent === null ? '' : text('update.percent', { percent: words.percent }));

    const undone = reach === 'here' ? about?.update.undone ?? null : null;
    byId('update-undone', HTMLElement).hidden = undone === null;
    if (undone !== null) {
      setText(byId('update-undone-title', HTMLElement), text('update.undone', { version: undone.version }));
      setText(byId('update-undone-help', HTMLElement), text(undone.why.length === 0 ? 'update.undone.silent' : 'update.undone.why'));
      const list = byId('update-undone-why', HTMLUListElement);
      const drawn = JSON.stringify(undone.why);
      if (list.dataset.drawn !== drawn) {
        list.dataset.drawn = drawn;
        list.replaceChildren(...undone.why.map((line) => make('li', '', line)));
      }
    }

    const able = reach === 'here' && about?.update.able === true && !this.#updates.sending;
    const free = able && (phase === 'idle' || phase === 'failed' || phase === 'installed');
    const offers = about?.update.available ?? null;
    byId('update-choose', HTMLElement).hidden = !free;
    byId('update-fetch', HTMLElement).hidden = !(free && offers !== null);
    byId('update-check', HTMLElement).hidden = !(free && about?.update.has_url === true && offers === null);
    byId('update-restart', HTMLElement).hidden =
      !(able && about?.update.phase.state === 'installed' && about.update.phase.restarts);
    byId('update-dismiss', HTMLElement).hidden = undone === null;
    setAttribute(byId('update-choose', HTMLElement), 'class', offers !== null || phase === 'installed' ? 'button' : 'button primary');
  }

  /** @param {boolean} open */
  #setOpen(open) {
    this.open = open;
    scrollTo(0, 0);
    this.#changed();
  }
}

/** @param {About|null} about */
function versionOf(about) {
  if (about === null) return '';
  return about.image === null ? text('about.package') : text('about.image', { version: about.image });
}

/**
 * @param {Updates} updates
 * @returns {Words}
 */
export function wordsOf({ about, reach }) {
  if (about !== null && reach === 'away' && about.update.phase.state === 'restarting') return phaseWords(about.update.phase, about);
  switch (reach) {
    case 'here': return about === null ? quiet('update.looking') : hereWords(about);
    case 'elsewhere': return quiet('update.elsewhere');
    case 'refused': return quiet('update.refused');
    case 'away': return quiet('update.looking');
  }
}

/**
 * @param {About} about
 * @returns {Words}
 */
function hereWords(about) {
  if (about.image === null) return quiet('update.package');
  if (!about.update.able) return quiet('update.unable');
  return phaseWords(about.update.phase, about);
}

/**
 * @param {Phase} phase
 * @param {About} about
 * @returns {Words}
 */
function phaseWords(phase, about) {
  switch (phase.state) {
    case 'idle':
      if (about.update.on_trial) return { title: text('update.trial'), help: text('update.trial.help'), tone: 'busy', percent: null };
      if (about.update.available !== null) {
        return { title: text('update.available', { version: about.update.available }), help: text('update.available.help'), tone: 'good', percent: null };
      }
      return quiet('update.idle');
    case 'receiving':
      return { title: text('update.receiving'), help: text('update.receiving.help'), tone: 'busy', percent: phase.percent };
    case 'checking':
      return { title: text('update.checking'), help: text('update.checking.help'), tone: 'busy', percent: null };
    case 'waiting':
      return { title: text('update.waiting', { version: phase.version }), help: text('update.waiting.help'), tone: 'busy', percent: null };
    case 'installing':
      return { title: text('update.installing', { version: phase.version }), help: text('update.installing.help'), tone: 'busy', percent: phase.percent };
    case 'installed':
      return { title: text('update.installed', { version: phase.version }), help: text(phase.by_itself ? 'update.installed.help' : phase.restarts ? 'update.installed.ask' : 'update.installed.by_hand'), tone: 'good', percent: null };
    case 'restarting':
      return { title: text('update.restarting', { version: phase.version }), help: text('update.restarting.help'), tone: 'busy', percent: null };
    case 'failed':
      return { title: text('update.failed'), help: failureWords(phase.failure), tone: 'bad', percent: null };
  }
}

/** @param {Failure} failure */
export function failureWords(failure) {
  switch (failure.code) {
    case 'wrong_device':
    case 'older_version':
    case 'same_version':
    case 'unknown_version':
    case 'clock':
    case 'other':
      return text(`update.failed.${failure.code}`, failure);
    case 'wrong_key':
    case 'damaged':
    case 'not_accepted':
    case 'no_space':
    case 'too_large':
    case 'unreachable':
    case 'interrupted':
    case 'no_rauc':
      return text(`update.failed.${failure.code}`);
  }
}

/**
 * @param {'update.looking'|'update.elsewhere'|'update.refused'|'update.package'|'update.unable'|'update.idle'} key
 * @returns {Words}
 */
function quiet(key) {
  return { title: text(key), help: text(`${key}.help`), tone: 'quiet', percent: null };
}
