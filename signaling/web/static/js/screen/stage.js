// What the stage says: the visitor's picture with what belongs on it, while it rings, in a call, and while somebody watches.

import { clock, text } from '../strings.js';

/** @typedef {import('../../../types/messages').Door} Door */
/** @typedef {import('../../../types/messages').Station} Station */
/** @typedef {import('../screen.js').Page} Page */
/** @typedef {import('../screen.js').ShownCall} ShownCall */
/** @typedef {import('../screen.js').StageName} StageName */
/** @typedef {'none'|'unable'|import('../view/picture.js').PictureState} PictureShown `unable`: to show what is sent */

/**
 * @typedef {object} StageScreen
 * @property {StageName} name
 * @property {{title: string, eyebrow: string, line: string, pictureLabel: string}} heading
 * @property {PictureScreen} picture
 * @property {boolean} mayHearBell - it takes a touch
 * @property {{silent: boolean, label: string, state: 'on'|'muted'|'missing'}} microphone
 * @property {{icon: 'close'|'hang-up', label: string}} hangUp
 * @property {boolean} mayTalk
 * @property {DoorScreen[]} doors
 * @property {{level: import('../quality.js').Level, text: string, label: string, rows: [string, string][]|null}|null} quality
 * @property {{text: string, show: string}|null} waiting - another call that rings
 */

/**
 * @typedef {object} PictureScreen
 * @property {PictureShown} shown
 * @property {string} title - in its place
 * @property {string} help
 * @property {boolean} dimmed
 * @property {'whole'|'fill'} fit
 * @property {{icon: 'fill'|'fit', label: string, hidden: boolean}} fitButton
 */

/**
 * @typedef {object} DoorScreen
 * @property {Door} door
 * @property {import('../doors.js').DoorState} state
 * @property {boolean} enabled
 * @property {import('../strings.js').Key|null} shut - why it can't be opened now, where a person can do something about it
 */

/**
 * @param {Page} page
 * @param {ShownCall} front
 * @param {StageName} name
 * @returns {StageScreen}
 */
export function stageOf(page, front, name) {
  const station = page.stations.get(front.call.station) ?? null;
  const watching = name === 'watching';
  return {
    name,
    heading: headingOf(page, front, name),
    picture: pictureOf(page, front, name),
    mayHearBell: page.toneBlocked,
    microphone: microphoneOf(front),
    hangUp: { icon: watching ? 'close' : 'hang-up', label: text(watching ? 'watching.close' : 'call.hang_up') },
    mayTalk: front.call.phase !== 'requested',
    // A station that the companion no longer knows keeps its doors in the call.
    doors: (station?.doors ?? page.stage.doors).map((door) => doorOf(front, door)),
    quality: qualityOf(page, front),
    waiting: waitingOf(page, name),
  };
}

/**
 * @param {ReadonlyMap<string, Station>} stations
 * @param {string} id
 */
export function nameOf(stations, id) {
  return stations.get(id)?.name ?? id;
}

/**
 * What of the station's media works, as it says in the call, else at its door.
 *
 * @param {Page} page
 * @param {ShownCall} front
 */
export function healthOf({ stations }, front) {
  return front.health ?? stations.get(front.call.station)?.media ?? null;
}

/**
 * @param {Page} page
 * @param {ShownCall} front
 * @param {StageName} name
 */
function headingOf({ stations, now }, { call, talkingSince }, name) {
  const title = nameOf(stations, call.station);
  const label = call.button?.label ?? '';
  const forWhom = label === '' || label === title ? '' : text('ringing.button', { button: label });
  const pictureLabel = text('picture.label', { name: title });
  switch (name) {
    case 'ringing': return { title, pictureLabel, eyebrow: text('ringing.title'), line: forWhom };
    case 'in-call': {
      const connecting = call.phase === 'answering' || (call.media === 'connecting' && !call.lost);
      const time = clock((now - (talkingSince ?? now)) / 1_000);
      return { title, pictureLabel, eyebrow: connecting ? text('call.connecting') : `${text('call.talking')} · ${time}`, line: forWhom };
    }
    case 'watching': return {
      title, pictureLabel, eyebrow: text(call.media === 'connected' ? 'watching.title' : 'call.connecting'),
      line: watchingWords(stations.get(call.station) ?? null, call.rang),
    };
  }
}

/**
 * @param {Page} page
 * @param {ShownCall} front
 * @param {StageName} name
 * @returns {PictureScreen}
 */
function pictureOf(page, front, name) {
  const { picture: state, whole } = page.stage;
  const health = healthOf(page, front);
  const none = health !== null && health.camera.state !== 'working';
  // A camera that was lost in the call may still send a card of the station's; only an empty picture needs ours.
  // A picture that was declined is over, and Chromium plays one black frame of it.
  const unable = front.peer?.pictureless === true;
  const shown = state === 'live' && !unable ? state : none ? 'none' : unable ? 'unable' : state;
  const canOpen = opens(page.stations.get(front.call.station) ?? null, front.call.rang);
  return {
    shown, ...placeholder(shown, name, canOpen), dimmed: front.call.lost && name !== 'ringing',
    fit: whole ? 'whole' : 'fill',
    fitButton: {
      icon: whole ? 'fill' : 'fit', label: text(whole ? 'picture.fill' : 'picture.fit'), hidden: shown !== 'live' && shown !== 'stalled',
    },
  };
}

/**
 * @param {ShownCall} front
 * @returns {StageScreen['microphone']}
 */
function microphoneOf({ microphone, muted }) {
  const there = microphone === 'live' || microphone === 'asking';
  return { silent: muted || !there, label: text(muted ? 'call.unmute' : 'call.mute'), state: !there ? 'missing' : muted ? 'muted' : 'on' };
}

/**
 * @param {ShownCall} front
 * @param {Door} door
 * @returns {DoorScreen}
 */
function doorOf({ call, doors }, door) {
  const shut = !call.rang && door.open_without_ring !== true ? 'door.refused.not_rung' : null;
  const connected = call.phase === 'talking' && call.channel && call.media === 'connected';
  return { door, state: doors.state(door.id), enabled: connected && shut === null, shut };
}

/**
 * @param {Page} page
 * @param {ShownCall} front
 * @returns {StageScreen['quality']}
 */
function qualityOf({ reading, stage }, { call }) {
  if (reading === null || call.media !== 'connected') return null;
  const { level, interval } = reading;
  const words = text(`quality.${level}`);
  return {
    level, text: words,
    // On a phone there is no room for the words.
    label: `${text('quality.details')}: ${words}`,
    rows: !stage.details ? null : [
      [text('quality.delay'), interval.rttMs === null ? '–' : text('quality.ms', { value: Math.round(interval.rttMs) })],
      [text('quality.loss'), text('quality.percent', { value: interval.lossPct.toFixed(1) })],
      [text('quality.sound'), text('quality.percent', { value: interval.concealedPct.toFixed(1) })],
      [text('quality.picture'), interval.width === 0 ? '–' : text('quality.picture.value', {
        width: interval.width, height: interval.height, rate: Math.round(interval.framesPerSecond),
      })],
    ],
  };
}

/**
 * @param {Page} page
 * @param {StageName} name
 */
function waitingOf({ waiting: [first], stations }, name) {
  if (first === undefined) return null;
  return {
    text: text('waiting.text', { name: nameOf(stations, first.call.station) }),
    show: text(name === 'ringing' ? 'waiting.show' : 'waiting.switch'),
  };
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
 * @param {PictureShown} shown
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
