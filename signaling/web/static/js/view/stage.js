// The visitor's picture with what belongs on it: ringing, in a call, watching.

import { byId, make, setAttribute, setIcon, setText } from './dom.js';
import { HoldToOpen } from './hold.js';
import { setName } from './name.js';
import { Picture } from './picture.js';

/** @typedef {import('../session.js').Session} Session */
/** @typedef {import('../screen/stage.js').StageScreen} StageScreen */

/**
 * @typedef {object} StageActions
 * @property {() => void} answer
 * @property {() => void} decline
 * @property {() => void} hangUp
 * @property {() => void} mute
 * @property {() => void} hearBell
 * @property {(door: string) => void} unlock
 * @property {(session: Session) => void} showWaiting
 * @property {(session: Session) => void} ignoreWaiting
 * @property {() => void} changed
 */

const FIT_KEY = 'doorway.fit';
const VOLUME_KEY = 'doorway.volume';

export class StageView {
  #actions;
  #picture;
  /** @type {HoldToOpen[]} */
  #doors = [];
  #doorsKey = '';
  /** @type {Session|null} */
  #waiting = null;
  /** Filling the screen cuts off what is beside the middle, which may be the visitor. */
  #whole = recall(FIT_KEY) !== 'fill';
  #details = false;

  /** @param {StageActions} actions */
  constructor(actions) {
    this.#actions = actions;
    this.#picture = new Picture(byId('visitor', HTMLVideoElement), () => actions.changed());
    // `pointerdown` would be sooner, but then a swipe answers a door.
    onClick('answer', () => actions.answer());
    onClick('talk', () => actions.answer());
    onClick('decline', () => actions.decline());
    onClick('hang-up', () => actions.hangUp());
    onClick('mute', () => actions.mute());
    onClick('hear-bell', () => actions.hearBell());
    onClick('waiting-show', () => this.#waiting !== null && actions.showWaiting(this.#waiting));
    onClick('waiting-ignore', () => this.#waiting !== null && actions.ignoreWaiting(this.#waiting));
    onClick('fit', () => this.#toggleFit());
    const video = byId('visitor', HTMLVideoElement);
    video.addEventListener('dblclick', () => this.#toggleFit());
    video.addEventListener('resize', () => {
      if (video.videoHeight > 0) byId('picture', HTMLElement).style.setProperty('--shape', String(video.videoWidth / video.videoHeight));
    });
    onClick('quality', () => {
      this.#details = !this.#details;
      actions.changed();
    });
    this.#listenVolume();
  }

  /**
   * What the stage knows by itself, with the picture of `stream` on it.
   *
   * @param {MediaStream|null} stream
   * @returns {import('../screen.js').StageState}
   */
  stateFor(stream) {
    return {
      picture: this.#picture.stateOf(stream), whole: this.#whole, details: this.#details,
      doors: this.#doors.map((control) => control.door),
    };
  }

  /**
   * @param {StageScreen} screen
   * @param {MediaStream|null} stream - the picture
   * @param {Session|null} waiting - the call that `screen.waiting` is about
   */
  render(screen, stream, waiting) {
    this.#picture.show(stream);
    for (const element of document.querySelectorAll('#stage [data-for]')) {
      const wanted = (element.getAttribute('data-for') ?? '').split(' ').includes(screen.name);
      if (element instanceof HTMLElement && element.hidden === wanted) element.hidden = !wanted;
    }
    renderHeading(screen);
    renderPicture(screen);
    renderControls(screen);
    this.#renderDoors(screen);
    renderQuality(screen);
    this.#waiting = waiting;
    renderWaiting(screen);
  }

  /** Nothing is shown any more. */
  clear() {
    this.#picture.show(null);
    this.#details = false;
    this.#doors = [];
    this.#doorsKey = '';
    byId('doors', HTMLElement).replaceChildren();
  }

  /** @param {StageScreen} screen */
  #renderDoors({ name, doors }) {
    const key = JSON.stringify(doors.map(({ door }) => door));
    if (key !== this.#doorsKey) {
      this.#doorsKey = key;
      this.#doors = doors.map(({ door }, index) => new HoldToOpen(
        door, index === 0 ? 'unlock' : `unlock-${index + 1}`, () => this.#actions.unlock(door.id),
      ));
      byId('doors', HTMLElement).replaceChildren(...this.#doors.map((control) => control.element));
    }
    if (name !== 'in-call') return;
    doors.forEach(({ state, enabled, shut }, index) => this.#doors[index]?.render(state, enabled, shut));
  }

  #toggleFit() {
    this.#whole = !this.#whole;
    keep(FIT_KEY, this.#whole ? 'whole' : 'fill');
    this.#actions.changed();
  }

  #listenVolume() {
    const slider = byId('volume', HTMLInputElement);
    const sound = byId('visitor-sound', HTMLAudioElement);
    const apply = () => {
      sound.volume = Number(slider.value);
      slider.style.setProperty('--level', `${Number(slider.value) * 100}%`);
    };
    slider.value = recall(VOLUME_KEY) ?? '1';
    apply();
    // Where the volume belongs to the device's own keys, as on iPhones, a slider would lie.
    const before = sound.volume;
    sound.volume = 0.5;
    byId('volume-box', HTMLElement).classList.toggle('useless', sound.volume !== 0.5);
    sound.volume = before;
    slider.addEventListener('input', () => {
      apply();
      keep(VOLUME_KEY, slider.value);
    });
  }
}

/** @param {StageScreen} screen */
function renderHeading({ heading }) {
  setName(byId('stage-title', HTMLElement), heading.title);
  setAttribute(byId('visitor', HTMLVideoElement), 'aria-label', heading.pictureLabel);
  setText(byId('stage-eyebrow', HTMLElement), heading.eyebrow);
  setName(byId('stage-text', HTMLElement), heading.line);
}

/** @param {StageScreen} screen */
function renderPicture({ picture: { shown, title, help, dimmed, fit, fitButton } }) {
  const picture = byId('picture', HTMLElement);
  picture.dataset.picture = shown;
  picture.dataset.dimmed = String(dimmed);
  byId('stage', HTMLElement).dataset.fit = fit;
  setText(byId('placeholder-title', HTMLElement), title);
  setText(byId('placeholder-text', HTMLElement), help);
  const button = byId('fit', HTMLButtonElement);
  setIcon(button, fitButton.icon, fitButton.label);
  button.hidden = fitButton.hidden;
}

/** @param {StageScreen} screen */
function renderControls({ mayHearBell, microphone, hangUp, mayTalk }) {
  byId('hear-bell', HTMLElement).hidden = !mayHearBell;
  const mute = byId('mute', HTMLButtonElement);
  setIcon(mute, microphone.silent ? 'microphone-off' : 'microphone', microphone.label);
  mute.dataset.state = microphone.state;
  setIcon(byId('hang-up', HTMLButtonElement), hangUp.icon, hangUp.label);
  byId('talk', HTMLButtonElement).disabled = !mayTalk;
}

/** @param {StageScreen} screen */
function renderQuality({ quality }) {
  const button = byId('quality', HTMLButtonElement);
  const panel = byId('quality-panel', HTMLElement);
  const rows = quality?.rows ?? null;
  button.hidden = quality === null;
  panel.hidden = rows === null;
  button.setAttribute('aria-expanded', String(rows !== null));
  if (quality === null) return;
  button.dataset.level = quality.level;
  setText(byId('quality-text', HTMLElement), quality.text);
  button.setAttribute('aria-label', quality.label);
  if (rows === null) return;
  panel.replaceChildren(...rows.flatMap(([term, value]) => [make('dt', '', term), make('dd', '', value)]));
}

/** @param {StageScreen} screen */
function renderWaiting({ waiting }) {
  byId('waiting', HTMLElement).hidden = waiting === null;
  if (waiting === null) return;
  setName(byId('waiting-text', HTMLElement), waiting.text);
  setText(byId('waiting-show', HTMLElement), waiting.show);
}

/**
 * @param {string} id
 * @param {() => void} run
 */
function onClick(id, run) {
  byId(id, HTMLButtonElement).addEventListener('click', run);
}

/**
 * @param {string} key
 * @param {string} value
 */
function keep(key, value) {
  try {
    localStorage.setItem(key, value);
  } catch {
    // Kept for this load only.
  }
}

/** @param {string} key */
function recall(key) {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}
