// What the page shows, and what is heard of it, as it follows from how its parts are at this moment. Pure: no element, no
// clock, no timer. `app.js` gathers a `Page`; `view/` draws the `Screen` that comes of it.

import { outcomeOf, secondsOf } from './history.js';
import { endedLines, endedOf, isWorthAWord } from './screen/ended.js';
import { healthLines } from './screen/health.js';
import { homeLines, homeOf } from './screen/home.js';
import { healthOf, nameOf, stageOf } from './screen/stage.js';
import { callLines } from './screen/trouble.js';
import { text } from './strings.js';

/** @typedef {import('../../types/messages').Station} Station */
/** @typedef {import('./session.js').Session} Session */
/** @typedef {'ringing'|'in-call'|'watching'} StageName */
/** @typedef {'home'|'about'|'ended'|StageName} View */
/** @typedef {{call: import('./call.js').Call, name: string, seconds: number}} Ending `seconds`: of talking */

/**
 * A call as far as it is shown.
 *
 * @typedef {Pick<Session, 'call'|'over'|'microphone'|'muted'|'soundBlocked'|'versionDiffers'|'channelMissing'|'health'|'startedAt'|'talkingSince'>
 *   & {peer: {pictureless: boolean}|null, doors: Pick<import('./doors.js').Doors, 'state'>}} ShownCall
 */

/**
 * @typedef {object} Page
 * @property {number} now - ms since the Unix epoch
 * @property {boolean} able - this browser can take calls
 * @property {boolean} secure - the page came over HTTPS
 * @property {import('./companion.js').Link} link
 * @property {import('../../types/messages').Refusal|null} refusal
 * @property {boolean} awayForLong - the companion was tried for long
 * @property {ReadonlyMap<string, Station>} stations
 * @property {ShownCall|null} front
 * @property {ShownCall[]} waiting - calls that ring beside it, oldest first
 * @property {ShownCall|null} pressedAgain - whose visitor pressed once more a moment ago
 * @property {Ending|null} ending - the call that was over a moment ago
 * @property {boolean} aboutOpen - a person looks at what runs at the station
 * @property {boolean} secretTried - a person entered a secret, and was not let in since
 * @property {string} name - of this screen
 * @property {import('./identity.js').Brought} brought - by a link, and not decided on
 * @property {import('./history.js').Entry[]} calls
 * @property {boolean} toneBlocked
 * @property {import('./attention.js').Notifications} notifications
 * @property {import('./monitor.js').Reading|null} reading
 * @property {StageState} stage
 */

/**
 * What the stage knows by itself.
 *
 * @typedef {object} StageState
 * @property {import('./view/picture.js').PictureState} picture
 * @property {boolean} whole - the whole picture is wanted, rather than one that fills the screen
 * @property {boolean} details - of the connection are wanted
 * @property {import('../../types/messages').Door[]} doors - that were drawn last
 */

/**
 * @typedef {object} Line
 * @property {string} reason - for `data-reason`; the first line's counts
 * @property {string} text
 * @property {string} [help] - what to do about it
 * @property {string} [detail] - a sentence for the installer, in the station's words
 * @property {'info'|'ring'|'warn'|'wait'} tone
 * @property {{label: string, does: LineAction}} [action]
 */
/** @typedef {'retry_microphone'|'play_sound'|'ask_browser'} LineAction */

/**
 * @typedef {object} Screen
 * @property {View} view
 * @property {string} focus - the id of what gets the focus when the view comes
 * @property {import('./companion.js').Link} link
 * @property {boolean} isTold - the page knows how things are
 * @property {boolean} able
 * @property {import('./call.js').Media} media
 * @property {boolean} unclaimed - nobody has set up the station
 * @property {boolean} rings - the bell
 * @property {import('./attention.js').Caller|null} caller - for whom a person's attention is asked
 * @property {boolean} lit - the device's screen stays so
 * @property {import('./screen/home.js').HomeScreen|null} home
 * @property {import('./screen/stage.js').StageScreen|null} stage
 * @property {import('./screen/ended.js').EndedScreen|null} ended
 * @property {{slot: string, lines: Line[]}|null} notice - null where there is no place for one; the most important line first
 * @property {number} freshMs - how long it is true if nothing happens
 */

/** @typedef {{words: string, strike: boolean}} Heard `words`: read out at once; `strike`: the bell, once */

/** How long the page tells what became of a call before it goes home by itself. */
export const ENDED_MS = 4_000;
/** How long it tells that the visitor pressed again. */
export const AGAIN_MS = 4_000;
const SECOND_MS = 1_000;
/** 'Today' becomes 'yesterday', and it gets night. */
const MINUTE_MS = 60_000;

/**
 * Never 'answer': a key pressed in something else at that moment would answer the door.
 *
 * @type {Record<View, string>}
 */
const FOCUS = {
  'home': 'headline', 'about': 'about-title', 'ended': 'ended-home',
  'ringing': 'stage-title', 'in-call': 'stage-title', 'watching': 'stage-title',
};

/**
 * @param {Page} page
 * @returns {Screen}
 */
export function screenOf(page) {
  const { front, ending, link } = page;
  const onStage = stageNameOf(front);
  const view = onStage ?? (ending !== null ? 'ended' : page.aboutOpen ? 'about' : 'home');
  return {
    view,
    focus: FOCUS[view],
    link,
    isTold: link !== 'connecting',
    able: page.able,
    media: front?.call.media ?? (view === 'ended' && ending?.call.media === 'failed' ? 'failed' : 'none'),
    unclaimed: link === 'refused' && page.refusal === 'unclaimed',
    rings: doesRing(front),
    caller: callerOf(page),
    lit: front !== null,
    home: view === 'home' ? homeOf(page) : null,
    stage: front !== null && onStage !== null ? stageOf(page, front, onStage) : null,
    ended: view === 'ended' && ending !== null ? endedOf(ending) : null,
    notice: noticeOf(page, view),
    freshMs: freshMs(page),
  };
}

/**
 * Whether the bell goes for the call that is shown.
 *
 * @param {ShownCall|null} front
 */
export function doesRing(front) {
  return front?.call.phase === 'ringing';
}

/**
 * What else is heard of a ring. One beside a call that is shown has no bell of its own.
 *
 * @param {Pick<Page, 'stations'|'front'>} page
 * @param {ShownCall} rung
 * @returns {Heard|null} null when it is over already
 */
export function heardOfRing({ stations, front }, rung) {
  if (rung.over) return null;
  return { words: text('ringing.announce', { name: nameOf(stations, rung.call.station) }), strike: rung !== front };
}

/**
 * What is heard of a ring that can't be answered here: whoever hears it may go to the door.
 *
 * @param {Pick<Page, 'stations'>} page
 * @param {string} station
 * @returns {Heard}
 */
export function heardInVain({ stations }, station) {
  return { words: text('home.ringing', { name: nameOf(stations, station) }), strike: true };
}

/**
 * What a call that is over adds to the list of calls; null when it is not worth a line.
 *
 * @param {Pick<Page, 'now'|'stations'>} page
 * @param {Pick<ShownCall, 'call'|'startedAt'|'talkingSince'>} over
 * @returns {import('./history.js').Entry|null}
 */
export function entryOf({ now, stations }, over) {
  const { call, startedAt } = over;
  const outcome = outcomeOf(call);
  if (outcome === null || call.id === null) return null;
  return {
    call: call.id, at: startedAt, name: nameOf(stations, call.station), label: call.button?.label ?? '', outcome,
    seconds: secondsOf(over, now),
  };
}

/**
 * What is told of a call that is over, once nothing else is shown.
 *
 * @param {Pick<Page, 'now'|'stations'|'front'>} page
 * @param {Pick<ShownCall, 'call'|'startedAt'|'talkingSince'>} over
 * @param {boolean} wasShown
 * @returns {Ending|null} null when it is not worth a word
 */
export function endingOf({ now, stations, front }, over, wasShown) {
  const { call } = over;
  if (!wasShown || front !== null || !isWorthAWord(call)) return null;
  return { call, name: nameOf(stations, call.station), seconds: call.talked ? secondsOf(over, now) : 0 };
}

/**
 * @param {ShownCall|null} front
 * @returns {StageName|null}
 */
function stageNameOf(front) {
  switch (front?.call.phase) {
    case 'ringing': return 'ringing';
    case 'answering':
    case 'talking': return 'in-call';
    case 'requested':
    case 'watching': return 'watching';
    case 'over':
    case undefined: return null;
  }
}

/** @param {Page} page */
function callerOf({ front, stations }) {
  if (front === null || !doesRing(front)) return null;
  return { name: nameOf(stations, front.call.station), button: front.call.button?.label ?? '' };
}

/**
 * @param {Page} page
 * @param {View} view
 */
function noticeOf(page, view) {
  const { front, ending } = page;
  switch (view) {
    case 'home': return { slot: 'home', lines: homeLines(page) };
    case 'about': return null;
    case 'ended': return ending === null ? null : { slot: 'ended', lines: endedLines(ending.call) };
    case 'ringing':
    case 'in-call':
    case 'watching': {
      if (front === null) return null;
      const health = healthOf(page, front);
      return {
        slot: 'stage',
        lines: [...callLines(front, page.pressedAgain === front), ...(health === null ? [] : healthLines(health))],
      };
    }
  }
}

/** @param {Page} page */
function freshMs({ front, now }) {
  if (front?.call.phase !== 'talking') return MINUTE_MS;
  // Until the clock of the call moves on.
  return SECOND_MS - ((now - (front.talkingSince ?? now)) % SECOND_MS);
}
