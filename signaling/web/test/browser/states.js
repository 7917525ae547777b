// Every state that the page can be in, and the way there.

import { readFileSync } from 'node:fs';

/** @typedef {import('./chromium.js').Page} Page */

/**
 * @typedef {object} State
 * @property {string} [path] - of the page; without it the page of the household
 * @property {object} [set] - what is otherwise about the station and the companion, from the start
 * @property {Record<string, string>} [stored] - what the browser has kept from before
 * @property {(page: Page) => Promise<void>} [reach] - what leads there; without it the page gets there by itself
 * @property {string} is - an expression that is true for as long as the page is in it
 */

const STATION = readFileSync(new URL('station.js', import.meta.url), 'utf8');

/** As long as a name or a label may well get; what tells it from its neighbour is at its end. */
export const LONG_NAME = 'Apartment house at the old harbour, entrance of building 12 B';
const LONG_LABEL = 'Iron gate between the bicycle cellar and courtyard, left side';

const WORKING = { state: 'working' };
const MISSING = { state: 'missing', reason: '/dev/video0: no such file or directory' };
const WELL = { camera: WORKING, microphone: WORKING, speaker: WORKING };

const ONLINE = `${viewIs('home')} && document.body.dataset.link === "online"`;
const LIVE = 'document.querySelector("#picture").dataset.picture === "live"';
const ABOUT = `${viewIs('about')} && document.querySelector("#update").dataset.state !== "away"`;
const RINGING = `${viewIs('ringing')} && ${LIVE}`;
const TALKING = `${viewIs('in-call')} && ${LIVE} && document.querySelector("#unlock")?.disabled === false`;
const WATCHING = `${viewIs('watching')} && ${LIVE}`;
const UNABLE = 'document.querySelector("#picture").dataset.picture === "unable"';
const QUALITY = 'document.querySelector("#quality-panel").checkVisibility() && document.querySelector("#quality-panel").childElementCount > 0';
const CONFIRM = '["Press again to open", "再按一次即可開門"].includes(document.querySelector("#unlock .hold-words").textContent)';
const ENDED = viewIs('ended');

/** @param {string} name */
function viewIs(name) {
  return `document.body.dataset.view === "${name}"`;
}

/** @param {...string} ids - all of them */
function shows(...ids) {
  return ids.map((id) => `!document.querySelector("#${id}").hidden`).join(' && ');
}

/**
 * @param {string} id
 * @param {object} [change]
 */
function station(id, change = {}) {
  return {
    id, name: 'Front door', activity: 'idle', buttons: [{ id: 'call', label: 'Family Lindgren' }],
    doors: [{ id: 'house', label: 'House door' }, { id: 'gate', label: 'Garden gate' }], media: WELL, ...change,
  };
}

/** @param {object} media */
function ailing(media) {
  return { stations: [station('front', { media: { ...WELL, ...media } })] };
}

/** @param {object} [update] */
function updating(update) {
  return {
    answers: { update: {
      station: 'Front door', doorway: '0.9.0', image: '2026.11.1', slot: 'A',
      update: { able: true, phase: { state: 'idle' }, available: null, has_url: true, on_trial: false, undone: null, ...update },
    } },
  };
}

/** Names and labels of sixty characters, everywhere. */
const LONG = {
  stations: [station('front', {
    name: LONG_NAME, buttons: [{ id: 'call', label: LONG_LABEL }],
    doors: [{ id: 'house', label: LONG_LABEL }, { id: 'gate', label: LONG_LABEL.replace('left', 'right') }],
  })],
};

/** The same without a place to break a line at. */
const UNBROKEN_NAME = 'Donaudampfschifffahrtsgesellschaftskapitänswohnungshaupteingang1';
const UNBROKEN = {
  stations: [station('front', {
    name: UNBROKEN_NAME, buttons: [{ id: 'call', label: UNBROKEN_NAME.replace('haupt', 'neben') }],
    doors: [{ id: 'house', label: UNBROKEN_NAME }, { id: 'gate', label: UNBROKEN_NAME.replace('1', '2') }],
  })],
};

/** @param {Page} page */
async function rings(page) {
  await page.until(ONLINE);
  await page.read('void fake.rings()');
  await page.until(viewIs('ringing'));
}

/** @param {Page} page */
async function ringsWithPicture(page) {
  await rings(page);
  await page.until(RINGING);
}

/** @param {Page} page */
async function talks(page) {
  await ringsWithPicture(page);
  await page.tap('#answer');
  await page.until(TALKING);
}

/**
 * @param {Page} page
 * @param {'watched'|'ringing'} [activity] - of the station from then on
 */
async function watches(page, activity = 'watched') {
  await page.read(`fake.seen = '${activity}'`);
  await page.tap('.watch');
  await page.until(WATCHING);
}

/**
 * As in a browser without H.264.
 *
 * @param {Page} page
 */
async function showsNoPicture(page) {
  await page.read(`(() => {
    const { createAnswer } = RTCPeerConnection.prototype;
    RTCPeerConnection.prototype.createAnswer = function () {
      const others = RTCRtpReceiver.getCapabilities('video').codecs.filter(({ mimeType }) => mimeType === 'video/VP8');
      for (const one of this.getTransceivers()) if (one.receiver.track.kind === 'video') one.setCodecPreferences(others);
      return createAnswer.call(this);
    };
  })()`);
}

/** @param {Page} page */
async function opensQuality(page) {
  await page.tap('#quality');
  await page.until(QUALITY);
}

/** @param {Page} page */
async function holdsDoor(page) {
  await talks(page);
  await page.read('document.querySelector("#unlock").click()');
  await page.until(CONFIRM);
}

/**
 * @param {Page} page
 * @param {object} outcome
 */
async function asksDoor(page, outcome) {
  await holdsDoor(page);
  await page.read('document.querySelector("#unlock").click()');
  await page.until('fake.asked.some(({ type }) => type === "unlock")');
  await page.read(`fake.says({ type: 'unlock_result', request: 1, door: 'house', outcome: ${JSON.stringify(outcome)} })`);
}

/** @param {string} outcome */
function doorIs(outcome) {
  return `${TALKING} && document.querySelector("#unlock").dataset.outcome === "${outcome}"`;
}

/** @param {string} reason */
function ended(reason) {
  return async (/** @type {Page} */ page) => {
    await rings(page);
    await page.read(`fake.ends(${JSON.stringify(reason)})`);
  };
}

/** @param {Page} page */
async function opensAbout(page) {
  await page.until(ONLINE);
  await page.tap('#open-about');
}

/** @type {Record<string, State>} */
export const STATES = {
  'home, connecting': { set: { lateMs: 60_000 }, is: 'document.body.dataset.link === "connecting"' },
  'home, no station': { set: { stations: [] }, is: ONLINE },
  'home, one station': { is: ONLINE },
  'home, several stations': {
    set: { stations: [
      station('front'), station('back', { name: 'Garden', activity: 'in_call' }),
      station('side', { name: 'Side entrance', activity: 'ringing', media: { ...WELL, camera: MISSING, speaker: { state: 'absent' } } }),
    ] },
    is: ONLINE,
  },
  'home, calls': {
    stored: { 'doorway.calls': JSON.stringify(['missed', 'declined', 'elsewhere', 'watched', 'answered', 'missed', 'answered'].map((outcome, index) => ({
      call: String(index), at: Date.now() - index * 40_000_000, name: 'Front door', label: 'Family Lindgren', outcome, seconds: outcome === 'answered' ? 83 : 0,
    }))) },
    is: ONLINE,
  },
  'home, long names': { set: LONG, is: ONLINE },
  'home, unbroken names': {
    set: { stations: [
      { ...UNBROKEN.stations[0], faults: [{ fault: 'button_stuck', button: 'call' }], media: { ...WELL, camera: { state: 'missing', reason: `/dev/${UNBROKEN_NAME}` } } },
    ] },
    stored: {
      'doorway.name': UNBROKEN_NAME,
      'doorway.calls': JSON.stringify([{ call: '1', at: 1_700_000_000_000, name: UNBROKEN_NAME, label: 'Family Lindgren', outcome: 'missed', seconds: 0 }]),
    },
    is: ONLINE,
  },
  'home, faults': {
    set: { stations: [station('front', { faults: [
      { fault: 'button_stuck', button: 'call' }, { fault: 'relay_stuck', door: 'gate' }, { fault: 'too_many_clients' },
      { fault: 'buttons_lost', reason: '/dev/gpiochip0: no such device: check the wiring, then restart' },
    ] })] },
    is: ONLINE,
  },
  'home, a link brought a name': {
    path: '?name=Somebody%20else', stored: { 'doorway.name': 'Kitchen' },
    is: shows('brought'),
  },
  'home, a link brought a long name': {
    path: `?name=${encodeURIComponent(UNBROKEN_NAME)}`, stored: { 'doorway.name': LONG_NAME },
    is: shows('brought'),
  },
  'home, a link brought a secret': {
    path: '#secret=another', stored: { 'doorway.secret': 'ours' },
    is: shows('brought'),
  },
  'home, a link brought a secret and a name': {
    path: '?name=Somebody%20else#secret=another', stored: { 'doorway.secret': 'ours', 'doorway.name': 'Kitchen' },
    is: shows('brought'),
  },
  'home, a link brought a secret, another asked': {
    path: '#secret=another', stored: { 'doorway.secret': 'ours' }, set: { refusal: 'secret' },
    is: shows('brought', 'secret'),
  },
  'home, offline': { set: { away: true }, is: 'document.body.dataset.link === "offline"' },
  'home, unable': {
    reach: async (page) => {
      await page.until(ONLINE);
      await page.read('delete globalThis.RTCPeerConnection; fake.changes({})');
    },
    is: 'document.body.dataset.link === "online" && document.body.dataset.able === "false"',
  },
  'home, lost': {
    reach: async (page) => {
      await page.until(ONLINE);
      await page.read('fake.breaks()');
    },
    is: 'document.body.dataset.link === "offline"',
  },
  'home, secret asked': { set: { refusal: 'secret' }, is: shows('secret') },
  'home, wrong secret': {
    set: { refusal: 'secret' },
    reach: async (page) => {
      await page.until('!document.querySelector("#secret").hidden');
      await page.read('document.querySelector("#secret-text").value = "no"');
      await page.tap('#secret [type=submit]');
    },
    is: shows('secret-wrong'),
  },
  'home, name changed': {
    reach: async (page) => {
      await page.until(ONLINE);
      await page.read('Object.assign(document.querySelector("#name-text"), { value: "Kitchen" }).dispatchEvent(new Event("input"))');
    },
    is: shows('name-save'),
  },
  'unclaimed': { set: { refusal: 'unclaimed', answers: { claim: { state: 'open' } } }, is: shows('claim') },
  'unclaimed, a poor secret': {
    set: { refusal: 'unclaimed', answers: { claim: { state: 'open' } } },
    reach: async (page) => {
      await page.until('!document.querySelector("#claim").hidden');
      await page.read('document.querySelector("#claim-name").value = "Door"; document.querySelector("#claim-secret").value = "short"');
      await page.tap('#claim-send');
    },
    is: shows('claim-problem'),
  },
  'unclaimed, late': { set: { refusal: 'unclaimed', answers: { claim: { state: 'late' } } }, is: shows('claim-late') },
  'unclaimed, press': { set: { refusal: 'unclaimed', answers: { claim: { state: 'press' } } }, is: shows('claim-press') },

  'about': { set: updating(), reach: opensAbout, is: ABOUT },
  'about, update available': { set: updating({ available: '2026.12.0' }), reach: opensAbout, is: ABOUT },
  'about, update installing': { set: updating({ phase: { state: 'installing', version: '2026.12.0', percent: 42 } }), reach: opensAbout, is: ABOUT },
  'about, update failed': {
    set: updating({ phase: { state: 'failed', failure: { code: 'wrong_device', offered: 'raspberrypi4', running: 'raspberrypi3' }, message: '' } }),
    reach: opensAbout, is: ABOUT,
  },
  'about, update undone': { set: updating({ undone: { version: '2026.12.0', why: ['camera: no picture within 10 s'] } }), reach: opensAbout, is: ABOUT },

  'ringing': { reach: ringsWithPicture, is: RINGING },
  'ringing, picture on its way': {
    reach: async (page) => {
      await page.read('HTMLVideoElement.prototype.requestVideoFrameCallback = () => 0');
      await rings(page);
    },
    is: `${viewIs('ringing')} && document.body.dataset.media === "connected" && document.querySelector("#picture").dataset.picture === "waiting"`,
  },
  'ringing, no camera': { set: { ...ailing({ camera: MISSING }), picture: false }, reach: rings, is: `${viewIs('ringing')} && document.querySelector("#picture").dataset.picture === "none"` },
  'ringing, no picture to show': {
    reach: async (page) => {
      await showsNoPicture(page);
      await rings(page);
    },
    is: `${viewIs('ringing')} && ${UNABLE}`,
  },
  'ringing, long names': { set: LONG, reach: ringsWithPicture, is: RINGING },
  'ringing, unbroken names': { set: UNBROKEN, reach: ringsWithPicture, is: RINGING },
  'ringing, upright picture': { set: { width: 720, height: 1280 }, reach: ringsWithPicture, is: RINGING },

  'in a call': { reach: talks, is: TALKING },
  'in a call, one door': { set: { stations: [station('front', { doors: [{ id: 'house', label: 'House door' }] })] }, reach: talks, is: TALKING },
  'in a call, no picture to show': {
    reach: async (page) => {
      await showsNoPicture(page);
      await rings(page);
      await page.tap('#answer');
    },
    is: `${viewIs('in-call')} && ${UNABLE} && document.querySelector("#unlock").disabled === false`,
  },
  'in a call, no door and no camera': {
    set: { stations: [station('front', { doors: [], media: { ...WELL, camera: { state: 'absent' } } })], picture: false },
    reach: async (page) => {
      await rings(page);
      await page.tap('#answer');
    },
    is: `${viewIs('in-call')} && document.querySelector("#picture").dataset.picture === "none"`,
  },
  'in a call, long names': { set: LONG, reach: talks, is: TALKING },
  'in a call, unbroken names': {
    set: UNBROKEN,
    reach: async (page) => {
      await talks(page);
      await page.read(`fake.ringsToo(${JSON.stringify(UNBROKEN_NAME.replace('1', '3'))})`);
    },
    is: `${TALKING} && ${shows('waiting')}`,
  },
  'in a call, quality': {
    reach: async (page) => {
      await talks(page);
      await opensQuality(page);
    },
    is: `${TALKING} && ${QUALITY}`,
  },
  'in a call, notice': {
    set: ailing({ speaker: MISSING }),
    reach: talks,
    is: `${TALKING} && ${shows('notice')}`,
  },
  'in a call, no microphone here': {
    reach: async (page) => {
      await page.read('navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException("", "NotAllowedError"))');
      await talks(page);
    },
    is: `${TALKING} && ${shows('notice')}`,
  },
  'in a call, second call': {
    reach: async (page) => {
      await talks(page);
      await page.read('fake.ringsToo("Side entrance")');
    },
    is: `${TALKING} && ${shows('waiting')}`,
  },
  'in a call, all at once': {
    set: { ...LONG, stations: [{ ...LONG.stations[0], media: { ...WELL, speaker: MISSING } }] },
    reach: async (page) => {
      await talks(page);
      await page.read(`fake.ringsToo(${JSON.stringify(LONG_NAME.replace('12', '13'))})`);
      await opensQuality(page);
    },
    is: `${TALKING} && ${QUALITY} && ${shows('waiting', 'notice')}`,
  },
  'in a call, door asked once more': { reach: holdsDoor, is: `${TALKING} && ${CONFIRM}` },
  'in a call, door held': {
    reach: async (page) => {
      await talks(page);
      // Held for as long as the test looks: the time that it takes to open does not pass.
      await page.read(`fake.stays(); document.querySelector('#unlock').dispatchEvent(new KeyboardEvent('keydown', { key: ' ' }))`);
    },
    is: `${TALKING} && document.querySelector("#unlock").dataset.holding === "true"`,
  },
  'in a call, door open': { reach: (page) => asksDoor(page, { result: 'opened', pulse_ms: 30_000 }), is: doorIs('opened') },
  'in a call, door refused': { reach: (page) => asksDoor(page, { result: 'refused', reason: 'too_often' }), is: doorIs('refused') },

  'watching': { reach: watches, is: WATCHING },
  'talking without a ring': {
    set: { stations: [station('front', { doors: [{ id: 'house', label: 'House door', open_without_ring: true }, { id: 'gate', label: 'Garden gate' }] })] },
    reach: async (page) => {
      await watches(page);
      await page.tap('#talk');
    },
    is: `${TALKING} && document.querySelector("#unlock-2").disabled`,
  },
  'watching, it rings elsewhere': {
    reach: async (page) => {
      await watches(page);
      await page.read('fake.changes({ activity: "ringing" })');
    },
    is: `${WATCHING} && /Talk to open|通話後可開門/.test(document.querySelector("#stage-text").textContent)`,
  },
  'talking, it rang elsewhere': {
    reach: async (page) => {
      await page.until(ONLINE);
      await page.read('fake.changes({ activity: "ringing" })');
      await watches(page, 'ringing');
      await page.tap('#talk');
    },
    is: `${TALKING} && !document.querySelector("#unlock-2").disabled`,
  },
  'watching, no picture to show': {
    reach: async (page) => {
      await showsNoPicture(page);
      await page.tap('.watch');
    },
    is: `${viewIs('watching')} && ${UNABLE}`,
  },
  'watching, quality': {
    reach: async (page) => {
      await watches(page);
      await opensQuality(page);
    },
    is: `${WATCHING} && ${QUALITY}`,
  },
  'watching, long names': { set: LONG, reach: watches, is: WATCHING },

  'ended': {
    reach: async (page) => {
      await talks(page);
      await page.tap('#hang-up');
    },
    is: ENDED,
  },
  'ended, lost': { reach: ended('connection_lost'), is: ENDED },
  'ended, nobody answered': { reach: ended('ring_timeout'), is: ENDED },
  'ended, unbroken names': { set: UNBROKEN, reach: ended('answered_elsewhere'), is: ENDED },
  'ended, long names': { set: LONG, reach: ended('answered_elsewhere'), is: ENDED },

  'certificate': {
    path: 'certificate.html',
    set: { answers: { 'certificate.json': {
      fingerprint: Array.from({ length: 32 }, (_, index) => (index * 7 + 16).toString(16).toUpperCase().padStart(2, '0')).join(':'),
      words: 'harbour violin maple lantern river', until: 1_950_000_000, port: 443,
      vouches_for: ['doorway.local', '192.168.1.20'], hosts: ['doorway.local', '192.168.1.20'],
    } } },
    is: shows('certificate-is', 'certificate-elsewhere'),
  },
  'simulated board': {
    path: 'sim.html',
    set: { answers: { healthz: {} } },
    reach: async (page) => {
      await page.until('document.body.dataset.link === "online" && !document.querySelector("#page").hidden');
      await page.read(`fake.shows(${JSON.stringify({
        station: 'Front door', buttons: [
          { id: 'call', label: 'Family Lindgren', role: 'call', pressed: false },
          { id: 'hang-up', label: 'hang-up', role: 'hang_up', pressed: false },
          { id: 'exit', label: 'exit', role: 'exit', pressed: false },
        ],
        relays: [{ id: 'house', label: 'House door', energised: true, moves: [{ at_ms: 1_700_000_000_000, energised: true }] },
          { id: 'gate', label: 'Garden gate', energised: false, moves: [] }],
        indicator: 'ringing', chime: 'ringing', microphone_dbfs: -21, speaker_dbfs: null, activity: 'ringing',
      })})`);
    },
    is: 'document.body.dataset.link === "online" && document.querySelectorAll(".relay").length === 2',
  },
  'simulated board, away': { path: 'sim.html', set: { away: true }, is: 'document.body.dataset.link === "offline"' },
};

/**
 * A page in that state.
 *
 * @param {import('./chromium.js').Chromium} chromium
 * @param {string} address - of the site
 * @param {string} name - of the state
 * @param {import('./chromium.js').Look & {slow?: boolean, still?: boolean}} [look] - `slow`: on a slow device, far from the
 *   companion; `still`: it does not leave the state by itself, however long one looks
 */
export async function pageIn(chromium, address, name, look = {}) {
  const { [name]: state } = STATES;
  if (state === undefined) throw new Error(`there is no state '${name}'`);
  const page = await chromium.open(look, `${STATION}
    Object.assign(fake, ${JSON.stringify({ ...(look.slow === true ? { lateMs: 1_000 } : {}), ...state.set })});
    if (location.protocol !== 'about:') Object.assign(localStorage, ${JSON.stringify(state.stored ?? {})});`);
  try {
    if (look.slow === true) await page.slowDown();
    await page.go(address + (state.path ?? ''));
    await state.reach?.(page);
    await page.until(state.is);
    if (look.still === true) await page.read('fake.stays()');
  } catch (error) {
    await page.close();
    throw new Error(`${name}: ${error instanceof Error ? error.message : error}`);
  }
  return page;
}
