// The visitor's picture with what belongs on it: ringing, in a call, watching.

import { byId, clock, make, setAttribute, setIcon, setText } from './dom.js';
import { HoldToOpen } from './hold.js';
import { setName } from './name.js';
import { Picture } from './picture.js';
import { text } from '../strings.js';

/** @typedef {import('../session.js').Session} Session */
/** @typedef {import('../../../types/messages').Station} Station */
/** @typedef {'ringing'|'in-call'|'watching'} StageName */

/**
 * @typedef {object} StageModel
 * @property {StageName} name
 * @property {Session} session
 * @property {Station|null} station - null when the companion no longer knows it
 * @property {import('../../../types/messages').MediaHealth|null} health
 * @property {import('../monitor.js').Reading|null} reading
 * @property {{session: Session, name: string}|null} waiting - another call that rings
 * @property {boolean} toneBlocked
 */

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

  /** @param {StageModel} model */
  render(model) {
    const { session } = model;
    this.#picture.show(session.peer?.picture ?? null);
    for (const element of document.querySelectorAll('#stage [data-for]')) {
      const wanted = (element.getAttribute('data-for') ?? '').split(' ').includes(model.name);
      if (element instanceof HTMLElement && element.hidden === wanted) element.hidden = !wanted;
    }
    this.#renderHeading(model);
    this.#renderPicture(model);
    this.#renderControls(model);
    this.#renderDoors(model);
    this.#renderQuality(model);
    this.#renderWaiting(model);
  }

  /** Nothing is shown any more. */
  clear() {
    this.#picture.show(null);
    this.#details = false;
    this.#doors = [];
    this.#doorsKey = '';
    byId('doors', HTMLElement).replaceChildren();
  }

  /** @param {StageModel} model */
  #renderHeading({ name, session, station }) {
    const { call } = session;
    const title = station?.name ?? call.station;
    const label = call.button?.label ?? '';
    setName(byId('stage-title', HTMLElement), title);
    setAttribute(byId('visitor', HTMLVideoElement), 'aria-label', text('picture.label', { name: title }));
    const eyebrow = byId('stage-eyebrow', HTMLElement);
    const line = byId('stage-text', HTMLElement);
    const forWhom = label === '' || label === title ? '' : text('ringing.button', { button: label });
    switch (name) {
      case 'ringing':
        setText(eyebrow, text('ringing.title'));
        setName(line, forWhom);
        break;
      case 'in-call':
        setText(eyebrow, call.phase === 'answering' || (call.media === 'connecting' && !call.lost)
          ? text('call.connecting')
          : `${text('call.talking')} · ${clock((Date.now() - (session.talkingSince ?? Date.now())) / 1_000)}`);
        setName(line, forWhom);
        break;
      case 'watching':
        setText(eyebrow, call.media === 'connected' ? text('watching.title') : text('call.connecting'));
        setName(line, watchingWords(station, call.rang));
        break;
    }
  }

  /** @param {StageModel} model */
  #renderPicture({ name, health, session, station }) {
    const none = health !== null && health.camera.state !== 'working';
    const { state } = this.#picture;
    // A camera that was lost in the call may still send a card of the station's; only an empty picture needs ours.
    // A picture that was declined is over, and Chromium plays one black frame of it.
    const unable = session.peer?.pictureless === true;
    const shown = state === 'live' && !unable ? state : none ? 'none' : unable ? 'unable' : state;
    const picture = byId('picture', HTMLElement);
    picture.dataset.picture = shown;
    byId('stage', HTMLElement).dataset.fit = this.#whole ? 'whole' : 'fill';
    const { title, help } = placeholder(shown, name, opens(station, session.call.rang));
    setText(byId('placeholder-title', HTMLElement), title);
    setText(byId('placeholder-text', HTMLElement), help);
    picture.dataset.dimmed = String(session.call.lost && name !== 'ringing');
    const fit = byId('fit', HTMLButtonElement);
    setIcon(fit, this.#whole ? 'fill' : 'fit', text(this.#whole ? 'picture.fill' : 'picture.fit'));
    fit.hidden = shown !== 'live' && shown !== 'stalled';
  }

  /** @param {StageModel} model */
  #renderControls({ name, session, toneBlocked }) {
    byId('hear-bell', HTMLElement).hidden = !toneBlocked;
    const silent = session.muted || (session.microphone !== 'live' && session.microphone !== 'asking');
    const mute = byId('mute', HTMLButtonElement);
    setIcon(mute, silent ? 'microphone-off' : 'microphone', text(session.muted ? 'call.unmute' : 'call.mute'));
    mute.dataset.state = session.microphone === 'live' || session.microphone === 'asking'
      ? (session.muted ? 'muted' : 'on') : 'missing';
    setIcon(byId('hang-up', HTMLButtonElement), name === 'watching' ? 'close' : 'hang-up',
      text(name === 'watching' ? 'watching.close' : 'call.hang_up'));
    byId('talk', HTMLButtonElement).disabled = session.call.phase === 'requested';
  }

  /** @param {StageModel} model */
  #renderDoors({ name, session, station }) {
    const doors = station?.doors ?? this.#doors.map((control) => control.door);
    const key = JSON.stringify(doors);
    if (key !== this.#doorsKey) {
      this.#doorsKey = key;
      this.#doors = doors.map((door, index) => new HoldToOpen(
        door, index === 0 ? 'unlock' : `unlock-${index + 1}`, () => this.#actions.unlock(door.id),
      ));
      byId('doors', HTMLElement).replaceChildren(...this.#doors.map((control) => control.element));
    }
    if (name !== 'in-call') return;
    const { phase, channel, media, rang } = session.call;
    const enabled = phase === 'talking' && channel && media === 'connected';
    for (const control of this.#doors) {
      const shut = !rang && control.door.open_without_ring !== true ? 'door.refused.not_rung' : null;
      control.render(session.doors.state(control.door.id), enabled && shut === null, shut);
    }
  }

  /** @param {StageModel} model */
  #renderQuality({ session, reading }) {
    const button = byId('quality', HTMLButtonElement);
    const panel = byId('quality-panel', HTMLElement);
    const known = reading !== null && session.call.media === 'connected';
    button.hidden = !known;
    panel.hidden = !known || !this.#details;
    button.setAttribute('aria-expanded', String(!panel.hidden));
    if (!known) return;
    const { level, interval } = reading;
    button.dataset.level = level;
    setText(byId('quality-text', HTMLElement), text(`quality.${level}`));
    // On a phone there is no room for the words.
    button.setAttribute('aria-label', `${text('quality.details')}: ${text(`quality.${level}`)}`);
    if (panel.hidden) return;
    const rows = [
      [text('quality.delay'), interval.rttMs === null ? '–' : text('quality.ms', { value: Math.round(interval.rttMs) })],
      [text('quality.loss'), text('quality.percent', { value: interval.lossPct.toFixed(1) })],
      [text('quality.sound'), text('quality.percent', { value: interval.concealedPct.toFixed(1) })],
      [text('quality.picture'), interval.width === 0 ? '–' : text('quality.picture.value', {
        width: interval.width, height: interval.height, rate: Math.round(interval.framesPerSecond),
      })],
    ];
    panel.replaceChildren(...rows.flatMap(([term, value]) => [make('dt', '', term ?? ''), make('dd', '', value ?? '')]));
  }

  /** @param {StageModel} model */
  #renderWaiting({ name, waiting }) {
    this.#waiting = waiting?.session ?? null;
    byId('waiting', HTMLElement).hidden = waiting === null;
    if (waiting === null) return;
    setName(byId('waiting-text', HTMLElement), text('waiting.text', { name: waiting.name }));
    setText(byId('waiting-show', HTMLElement), text(name === 'ringing' ? 'waiting.show' : 'waiting.switch'));
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

/**
 * Who hears whom, and the way to the door.
 *
 * @param {Station|null} station
 * @param {boolean} rang
 */
function watchingWords(station, rang) {
  const doors = station?.doors ?? [];
  if (doors.length === 0) return text('watching.text');
  return text(opens(station, rang) ? 'watching.text.open' : 'watching.text.shut');
}

/**
 * Whether there is a door that opens in this call, once it is talked in.
 *
 * @param {Station|null} station
 * @param {boolean} rang
 */
function opens(station, rang) {
  return (station?.doors ?? []).some((door) => rang || door.open_without_ring === true);
}

/**
 * What stands in the picture's place.
 *
 * @param {'waiting'|'live'|'stalled'|'paused'|'none'|'unable'} shown
 * @param {StageName} name
 * @param {boolean} canOpen
 */
function placeholder(shown, name, canOpen) {
  switch (shown) {
    case 'live': return { title: '', help: '' };
    case 'waiting': return { title: text('picture.waiting'), help: '' };
    case 'stalled': return { title: text('picture.stalled'), help: '' };
    case 'paused': return { title: text('picture.paused'), help: '' };
    case 'unable': return { title: text('picture.unable'), help: withoutPicture(name, canOpen) };
    case 'none': return { title: text('picture.none'), help: withoutPicture(name, canOpen) };
  }
}

/**
 * What one can do all the same.
 *
 * @param {StageName} name
 * @param {boolean} canOpen
 */
function withoutPicture(name, canOpen) {
  switch (name) {
    case 'ringing': return text('picture.none.ringing');
    case 'in-call': return text(canOpen ? 'picture.none.open' : 'picture.none.talk');
    case 'watching': return text('picture.none.talk');
  }
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
