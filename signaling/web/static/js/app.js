// The page: makes its parts and connects them. What is shown of them `screen.js` says.

import { canCall } from './ability.js';
import { Attention } from './attention.js';
import { Companion } from './companion.js';
import { History } from './history.js';
import { readIdentity } from './identity.js';
import { Monitor } from './monitor.js';
import { Passing } from './passing.js';
import { prepare } from './peer.js';
import { Profile } from './profile.js';
import { Redraw } from './redraw.js';
import { Ringtone } from './ringtone.js';
import { AGAIN_MS, doesRing, ENDED_MS, endingOf, entryOf, heardInVain, heardOfRing, screenOf } from './screen.js';
import { Switchboard } from './switchboard.js';
import { Updates } from './update.js';
import { AboutView } from './view/about.js';
import { ClaimView } from './view/claim.js';
import { announce, byId, started, translate } from './view/dom.js';
import { renderEnded } from './view/ended.js';
import { askBrowser, HomeView } from './view/home.js';
import { Notice } from './view/notice.js';
import { StageView } from './view/stage.js';
import { Views } from './view/views.js';

/** @typedef {import('./screen.js').Ending} Ending */
/** @typedef {import('./screen.js').Heard} Heard */
/** @typedef {import('./screen.js').Page} Page */
/** @typedef {import('./session.js').Session} Session */

translate();

const redraw = new Redraw(draw);
const changed = () => redraw.soon();

const attention = new Attention(changed);
const ringtone = new Ringtone(changed);
const monitor = new Monitor(changed);
const history = new History(changed);
/** @type {Passing<Ending>} */
const ending = new Passing(ENDED_MS, changed);
/** @type {Passing<Session>} */
const pressedAgain = new Passing(AGAIN_MS, changed);

const { identity, brought } = readIdentity();
const companion = new Companion(socketAddress(), identity, {
  message: (message) => switchboard.handle(message),
  link: () => {
    switchboard.handleLink();
    home.handleLink(companion.link);
    changed();
  },
});
const profile = new Profile(identity, brought, {
  renamed: (name) => companion.rename(name),
  secret: (secret) => companion.retryWith(secret),
  changed,
});
const switchboard = new Switchboard(companion, byId('visitor-sound', HTMLAudioElement), {
  changed,
  rang: handleRang,
  rangInVain: (station) => hear(heardInVain(page(), station)),
  over: handleOver,
  pressedAgain: (session) => pressedAgain.set(session),
});
const updates = new Updates(() => profile.secret, changed);

const views = new Views();
const about = new AboutView(updates, changed);
const claiming = new ClaimView({
  claimed: (secret) => profile.useSecret(secret),
  tryAgain: () => companion.retryWith(profile.secret),
});
const home = new HomeView({
  watch: (station) => switchboard.watch(station),
  clearCalls: () => history.clear(),
  testTone: () => ringtone.sample(),
  enableNotifications: () => void attention.turnOn(),
  rename: (name) => profile.rename(name),
  enter: (secret) => profile.useSecret(secret),
  takeBrought: () => profile.takeBrought(),
  dropBrought: () => profile.dropBrought(),
});
const stage = new StageView({
  answer: () => {
    performance.mark('doorway:accept');
    ringtone.ring(false);
    switchboard.front?.handle({ type: 'accept' });
  },
  decline: () => switchboard.front?.handle({ type: 'decline' }),
  hangUp: () => switchboard.front?.handle({ type: 'hang_up' }),
  mute: () => switchboard.front?.toggleMicrophone(),
  hearBell: () => ringtone.sample(),
  unlock: (door) => switchboard.front?.doors.unlock(door),
  showWaiting: (session) => switchboard.show(session),
  ignoreWaiting: (session) => session.handle({ type: 'decline' }),
  changed,
});
const notice = new Notice(byId('notice', HTMLElement), {
  retry_microphone: () => switchboard.front?.talk(),
  play_sound: () => switchboard.front?.play(),
  ask_browser: askBrowser,
});

byId('ended-home', HTMLButtonElement).addEventListener('click', () => ending.clear());
addEventListener('pagehide', () => switchboard.leave());
addEventListener('pageshow', (event) => {
  // Brought back from the browser's cache, all connections are gone.
  if (event.persisted) location.reload();
});
navigator.mediaDevices?.addEventListener('devicechange', () => switchboard.front?.handleDevices());

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
redraw.now();
prepare();
started();
// Once nobody waits for anything. Where the certificate is not trusted there is none, and the page does without.
addEventListener('load', () => void navigator.serviceWorker?.register('sw.js').then(
  ({ active }) => active?.postMessage('loaded'), () => undefined,
));

/**
 * How all parts are at this moment.
 *
 * @returns {Page}
 */
function page() {
  const { front, waiting, stations } = switchboard;
  const { link, refusal, isAwayForLong } = companion;
  return {
    now: Date.now(), able: canCall(), secure: location.protocol === 'https:',
    link, refusal, awayForLong: isAwayForLong,
    stations, front, waiting, pressedAgain: pressedAgain.value, ending: ending.value,
    aboutOpen: about.open, secretTried: home.secretTried, name: profile.name, brought: profile.brought,
    calls: history.entries, toneBlocked: ringtone.blocked, notifications: attention.state,
    reading: monitor.reading, stage: stage.stateFor(front?.peer?.picture ?? null),
  };
}

function draw() {
  const { front, waiting } = switchboard;
  monitor.follow(front?.peer?.connection ?? null);
  const screen = screenOf(page());
  ringtone.ring(screen.rings);
  attention.call(screen.caller);
  attention.keepLit(screen.lit);
  updates.follow(screen.view === 'about');
  const came = views.show(screen);
  claiming.render(screen.unclaimed);
  if (screen.home !== null) home.render(screen.home);
  if (screen.view === 'about') about.render();
  if (screen.ended !== null) renderEnded(screen.ended);
  else ending.clear();
  if (screen.stage !== null) stage.render(screen.stage, front?.peer?.picture ?? null, waiting[0] ?? null);
  if (screen.notice !== null) notice.show(screen.notice);
  if (came) views.focus(screen.focus);
  if (screen.stage === null) {
    stage.clear();
    // Ready for the next ring, once nobody waits for anything.
    setTimeout(prepare, 0);
  }
  return screen.freshMs;
}

/** @param {Session} session */
function handleRang(session) {
  // Heard at once: what is drawn waits until the station has its answer.
  ringtone.ring(doesRing(switchboard.front));
  if (session.peer !== null) redraw.after(session.peer.answered);
  setTimeout(() => hear(heardOfRing(page(), session)), 0);
}

/** @param {Heard|null} heard */
function hear(heard) {
  if (heard === null) return;
  announce(heard.words);
  if (heard.strike) ringtone.sample();
}

/**
 * @param {Session} session
 * @param {boolean} wasShown
 */
function handleOver(session, wasShown) {
  const entry = entryOf(page(), session);
  if (entry !== null) history.add(entry);
  announce('');
  const ended = endingOf(page(), session, wasShown);
  if (ended !== null) ending.set(ended);
}

function socketAddress() {
  const address = new URL('ws', location.href);
  address.protocol = location.protocol === 'https:' ? 'wss:' : 'ws:';
  address.search = '';
  address.hash = '';
  return address.href;
}
