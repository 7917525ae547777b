// The page: wires the companion, the calls and the views.

import { canCall } from './ability.js';
import { Attention } from './attention.js';
import { Companion } from './companion.js';
import { History, outcomeOf } from './history.js';
import { keepName, keepSecret, readIdentity, tidyName } from './identity.js';
import { Monitor } from './monitor.js';
import { prepare } from './peer.js';
import { Ringtone } from './ringtone.js';
import { text } from './strings.js';
import { Switchboard } from './switchboard.js';
import { ClaimView } from './view/claim.js';
import { Updates } from './update.js';
import { AboutView } from './view/about.js';
import { announce, byId, started, told, translate } from './view/dom.js';
import { endedLines, isWorthAWord, renderEnded } from './view/ended.js';
import { healthLines } from './view/health.js';
import { HomeView, homeLines } from './view/home.js';
import { Notice } from './view/notice.js';
import { StageView } from './view/stage.js';
import { callLines } from './view/trouble.js';

/** @typedef {import('./session.js').Session} Session */
/** @typedef {import('./view/ended.js').Ending} Ending */
/** @typedef {'home'|'about'|'ringing'|'in-call'|'watching'|'ended'} View */

/** How long the page tells what became of a call before it goes home by itself. */
const ENDED_MS = 4_000;
/** Drawing waits this long at most for an offer to be answered. */
const ANSWER_FIRST_MS = 60;
/** How long it tells that the visitor pressed again. */
const AGAIN_MS = 4_000;

translate();

const { identity, brought } = readIdentity();
const sound = byId('visitor-sound', HTMLAudioElement);
let scheduled = false;
let answering = 0;
let secretTried = false;
/** @type {Ending|null} */
let ending = null;
let endingTimer = 0;
/** @type {Session|null} whose visitor pressed again a moment ago */
let pressedAgain = null;
let pressedAgainTimer = 0;
/** @type {View} */
let shown = 'home';
/** Whether a person looks at what runs at the station; a call goes before it. */
let aboutOpen = false;
/** @type {HTMLElement|null} what had the focus before a call took it */
let focusBefore = null;

const attention = new Attention(schedule);
const ringtone = new Ringtone(schedule);
const monitor = new Monitor(schedule);
const history = new History(schedule);
const notice = new Notice(byId('notice', HTMLElement));

const companion = new Companion(socketAddress(), identity, {
  message: (message) => switchboard.handle(message),
  link: () => {
    switchboard.handleLink();
    schedule();
  },
});

const switchboard = new Switchboard(companion, sound, {
  changed: schedule,
  rang: handleRang,
  rangInVain: handleRangInVain,
  over: handleOver,
  pressedAgain: handlePressedAgain,
});

const home = new HomeView({
  watch: (station) => {
    leaveEnding();
    switchboard.watch(station);
  },
  clearCalls: () => history.clear(),
  testTone: () => ringtone.sample(),
  enableNotifications: () => void attention.turnOn(),
  rename: (name) => {
    takeName(tidyName(name));
  },
  enter: (secret) => {
    secretTried = true;
    takeSecret(secret);
  },
  takeBrought: () => {
    if (brought.secret !== null) takeSecret(brought.secret);
    else if (brought.name !== null) takeName(brought.name);
  },
  dropBrought: () => {
    if (brought.secret !== null) {
      brought.secret = null;
    } else {
      // Out of the address bar too, where it would be asked for again with the next load.
      keepName(identity.name);
      brought.name = null;
    }
    schedule();
  },
});

const claiming = new ClaimView({
  claimed: takeSecret,
  tryAgain: () => companion.retryWith(identity.secret),
});

const updates = new Updates(() => identity.secret, schedule);
const about = new AboutView(updates, () => openAbout(false));

const stage = new StageView({
  answer: () => {
    performance.mark('doorway:accept');
    ringtone.stop();
    switchboard.front?.handle({ type: 'accept' });
  },
  decline: () => switchboard.front?.handle({ type: 'decline' }),
  hangUp: () => switchboard.front?.handle({ type: 'hang_up' }),
  mute: () => {
    const session = switchboard.front;
    if (session === null) return;
    if (session.microphone === 'live' || session.microphone === 'asking') session.mute(!session.muted);
    else session.talk();
  },
  hearBell: () => ringtone.sample(),
  unlock: (door) => switchboard.front?.doors.unlock(door),
  showWaiting: (session) => switchboard.show(session),
  ignoreWaiting: (session) => session.handle({ type: 'decline' }),
  changed: schedule,
});

byId('open-about', HTMLButtonElement).addEventListener('click', () => openAbout(true));
byId('ended-home', HTMLButtonElement).addEventListener('click', () => leaveEnding());
addEventListener('pagehide', () => switchboard.leave());
addEventListener('pageshow', (event) => {
  // Brought back from the browser's cache, all connections are gone.
  if (event.persisted) location.reload();
});
navigator.mediaDevices?.addEventListener('devicechange', () => {
  const session = switchboard.front;
  if (session?.call.phase === 'talking' && session.microphone === 'microphone_missing') session.talk();
});
setInterval(() => {
  if (switchboard.front?.call.phase === 'talking') schedule();
}, 1_000);
setInterval(schedule, 60_000);

Object.defineProperty(globalThis, 'doorway', {
  value: Object.freeze({
    get connection() {
      return switchboard.front?.peer?.connection ?? null;
    },
    get endpoint() {
      return companion.id;
    },
  }),
});

companion.connect();
render();
prepare();
started();
// Once nobody waits for anything. Where the certificate is not trusted there is none, and the page does without.
addEventListener('load', () => void navigator.serviceWorker?.register('sw.js').then(
  ({ active }) => active?.postMessage('loaded'), () => undefined,
));

/**
 * What a link brought is decided on with it.
 *
 * @param {string} name
 */
function takeName(name) {
  brought.name = null;
  identity.name = name;
  keepName(name);
  companion.rename(name);
  schedule();
}

/**
 * What a link brought is decided on with it.
 *
 * @param {string} secret
 */
function takeSecret(secret) {
  brought.secret = null;
  identity.secret = secret;
  keepSecret(secret);
  companion.retryWith(secret);
  schedule();
}

/** What is shown follows in its own turn. */
function schedule() {
  if (scheduled) return;
  scheduled = true;
  setTimeout(() => {
    scheduled = false;
    if (answering === 0) render();
  }, 0);
}

/**
 * Draws only when the station has its answer: a whole view takes longer to draw than an offer to be answered, and the
 * picture would come that much later.
 *
 * @param {Promise<unknown>} answered
 */
function drawAfter(answered) {
  answering += 1;
  const late = new Promise((resolve) => {
    setTimeout(resolve, ANSWER_FIRST_MS);
  });
  const draw = () => {
    answering -= 1;
    schedule();
  };
  Promise.race([answered, late]).then(draw, draw);
}

function render() {
  const { front } = switchboard;
  if (front !== null) leaveEnding();
  const view = viewOf(front);
  const stations = [...switchboard.stations.values()].sort((a, b) => a.name.localeCompare(b.name));
  document.body.dataset.link = companion.link;
  if (companion.link !== 'connecting') told();
  document.body.dataset.able = String(canCall());
  document.body.dataset.media = front?.call.media ?? (ending?.call.media === 'failed' ? 'failed' : 'none');
  if (companion.link === 'online') secretTried = false;
  if (front?.call.phase === 'ringing') ringtone.start();
  else ringtone.stop();
  attention.call(front?.call.phase === 'ringing'
    ? { name: nameOf(front.call.station), button: front.call.button?.label ?? '' } : null);
  attention.keepLit(front !== null);
  monitor.follow(front?.peer?.connection ?? null);

  updates.follow(view === 'about');
  const changed = view !== shown;
  if (changed) switchTo(view);
  /** @type {import('./view/home.js').HomeModel} */
  const model = {
    link: companion.link, refusal: companion.refusal, secretTried,
    mayBeCertificate: companion.isAwayForLong && location.protocol === 'https:',
    stations, calls: history.entries,
    able: canCall(), screenName: identity.name, brought, toneBlocked: ringtone.blocked, notifications: attention.state,
  };
  claiming.render(companion.link === 'refused' && companion.refusal === 'unclaimed');
  if (view === 'home') {
    home.render(model);
    notice.show(homeLines(model), 'home');
  } else if (view === 'about') {
    about.render();
  } else if (view === 'ended') {
    if (ending !== null) {
      renderEnded(ending);
      notice.show(endedLines(ending.call), 'ended');
    }
  } else if (front !== null) {
    renderStage(view, front);
  }
  if (changed) moveFocus(view);
  if (front === null) {
    stage.clear();
    // Ready for the next ring, once nobody waits for anything.
    setTimeout(prepare, 0);
  }
}

/**
 * @param {'ringing'|'in-call'|'watching'} view
 * @param {Session} front
 */
function renderStage(view, front) {
  const station = switchboard.stations.get(front.call.station) ?? null;
  const health = front.health ?? station?.media ?? null;
  const [waiting] = switchboard.waiting;
  stage.render({
    name: view, session: front, station, health, reading: monitor.reading, toneBlocked: ringtone.blocked,
    waiting: waiting === undefined ? null : { session: waiting, name: nameOf(waiting.call.station) },
  });
  notice.show([
    ...callLines(front, pressedAgain === front, { retry: () => front.talk(), play: () => front.play() }),
    ...(health === null ? [] : healthLines(health)),
  ], 'stage');
}

/**
 * @param {Session|null} front
 * @returns {View}
 */
function viewOf(front) {
  switch (front?.call.phase) {
    case 'ringing': return 'ringing';
    case 'answering':
    case 'talking': return 'in-call';
    case 'requested':
    case 'watching': return 'watching';
    case 'over':
    case undefined: return ending !== null ? 'ended' : aboutOpen ? 'about' : 'home';
  }
}

/** @param {View} view */
function switchTo(view) {
  const { activeElement } = document;
  if (shown === 'home' && activeElement instanceof HTMLElement && activeElement !== document.body) focusBefore = activeElement;
  shown = view;
  document.body.dataset.view = view;
  byId('home', HTMLElement).hidden = view !== 'home';
  byId('about', HTMLElement).hidden = view !== 'about';
  byId('stage', HTMLElement).hidden = view === 'home' || view === 'about' || view === 'ended';
  byId('ended', HTMLElement).hidden = view !== 'ended';
}

/**
 * Never to 'answer': a key pressed in something else at that moment would answer the door.
 *
 * @param {View} view
 */
function moveFocus(view) {
  switch (view) {
    case 'home':
      (focusBefore?.isConnected === true ? focusBefore : byId('headline', HTMLElement)).focus();
      focusBefore = null;
      return;
    case 'about':
      byId('about-title', HTMLElement).focus();
      return;
    case 'ended':
      byId('ended-home', HTMLElement).focus();
      return;
    case 'ringing':
    case 'in-call':
    case 'watching':
      byId('stage-title', HTMLElement).focus();
      return;
  }
}

/** @param {Session} session */
function handleRang(session) {
  // Heard at once: what is drawn waits until the station has its answer.
  if (session === switchboard.front && session.call.phase === 'ringing') ringtone.start();
  if (session.peer !== null) drawAfter(session.peer.answered);
  setTimeout(() => {
    if (session.over) return;
    announce(text('ringing.announce', { name: nameOf(session.call.station) }));
    if (session !== switchboard.front) ringtone.sample();
  }, 0);
}

/**
 * Here it can't be answered, but whoever hears it may go to the door.
 *
 * @param {string} station
 */
function handleRangInVain(station) {
  ringtone.sample();
  announce(text('home.ringing', { name: nameOf(station) }));
}

/**
 * @param {Session} session
 * @param {boolean} wasShown
 */
function handleOver(session, wasShown) {
  const { call } = session;
  const name = nameOf(call.station);
  const outcome = outcomeOf(call);
  const since = session.talkingSince ?? (outcome === 'watched' ? session.startedAt : null);
  const seconds = since === null ? 0 : Math.round((Date.now() - since) / 1_000);
  if (outcome !== null && call.id !== null) {
    history.add({ call: call.id, at: session.startedAt, name, label: call.button?.label ?? '', outcome, seconds });
  }
  announce('');
  if (!wasShown || switchboard.front !== null || !isWorthAWord(call)) return;
  clearTimeout(endingTimer);
  ending = { call, name, seconds: call.talked ? seconds : 0 };
  endingTimer = setTimeout(leaveEnding, ENDED_MS);
}

/** @param {Session} session */
function handlePressedAgain(session) {
  pressedAgain = session;
  clearTimeout(pressedAgainTimer);
  pressedAgainTimer = setTimeout(() => {
    pressedAgain = null;
    schedule();
  }, AGAIN_MS);
  schedule();
}

/** @param {boolean} open */
function openAbout(open) {
  aboutOpen = open;
  scrollTo(0, 0);
  schedule();
}

function leaveEnding() {
  if (ending === null) return;
  ending = null;
  clearTimeout(endingTimer);
  schedule();
}

/** @param {string} station */
function nameOf(station) {
  return switchboard.stations.get(station)?.name ?? station;
}

function socketAddress() {
  const address = new URL('ws', location.href);
  address.protocol = location.protocol === 'https:' ? 'wss:' : 'ws:';
  address.search = '';
  address.hash = '';
  return address.href;
}
