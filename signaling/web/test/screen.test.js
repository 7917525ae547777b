import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { ring, step, watch } from '../static/js/call.js';
import { doesRing, endingOf, entryOf, heardInVain, heardOfRing, screenOf } from '../static/js/screen.js';

/** @typedef {import('../static/js/call.js').Call} Call */
/** @typedef {import('../static/js/call.js').Event} Event */
/** @typedef {import('../static/js/call.js').Reason} Reason */
/** @typedef {import('../static/js/screen.js').Page} Page */
/** @typedef {import('../static/js/screen.js').ShownCall} ShownCall */
/** @typedef {import('../types/messages').Station} Station */

const NOON = new Date(2026, 0, 5, 12).getTime();
const working = { state: /** @type {const} */ ('working') };
const missing = { state: /** @type {const} */ ('missing'), reason: '/dev/video0: no such file' };
const absent = { state: /** @type {const} */ ('absent') };
const SHUT = { outcome: /** @type {const} */ (''), refusal: null, open: false, pulseMs: 0, pulsing: false, request: 0 };

/** @type {Station} */
const FRONT = {
  id: 'front', name: 'Front door', activity: 'idle', buttons: [{ id: 'call', label: 'Flat 2' }],
  doors: [{ id: 'house', label: 'House door' }, { id: 'gate', label: 'Gate', open_without_ring: true }],
  media: { camera: working, microphone: working, speaker: working },
};

/**
 * A page at noon, at home, with a station at which nothing happens.
 *
 * @param {Partial<Omit<Page, 'stations'>> & {stations?: Station[]}} [change]
 */
function page({ stations = [FRONT], ...change } = {}) {
  /** @type {Page} */
  const usual = {
    now: NOON, able: true, secure: true, link: 'online', refusal: null, awayForLong: false,
    stations: new Map(stations.map((one) => [one.id, one])), front: null, waiting: [], pressedAgain: null, ending: null,
    aboutOpen: false, secretTried: false, name: 'Kitchen', brought: { name: null, secret: null }, calls: [],
    toneBlocked: false, notifications: 'granted', reading: null,
    stage: { picture: 'live', whole: true, details: false, doors: [] },
  };
  return { ...usual, ...change };
}

/** @param {Parameters<typeof page>[0]} [change] */
function screen(change) {
  return screenOf(page(change));
}

/**
 * A call that rang, or that somebody watches, and what happened to it since.
 *
 * @param {'ring'|'watch'} kind
 * @param {(Event|Event['type'])[]} [events]
 */
function callOf(kind, events = []) {
  let { call } = kind === 'watch' ? watch('front') : ring('c1', 'front', { id: 'call', label: 'Flat 2' }, 'offer', 30_000);
  for (const event of events) ({ call } = step(call, typeof event === 'string' ? /** @type {Event} */ ({ type: event }) : event));
  return call;
}

/**
 * @param {Call} call
 * @param {Partial<ShownCall>} [change]
 * @returns {ShownCall}
 */
function shown(call, change) {
  return {
    call, over: call.phase === 'over', microphone: 'none', muted: false, soundBlocked: false, versionDiffers: false,
    channelMissing: false, health: null, startedAt: NOON - 90_000, talkingSince: null, peer: { pictureless: false },
    doors: { state: () => SHUT }, ...change,
  };
}

/** @type {Event[]} */
const CONNECTED = [{ type: 'media', media: 'connected' }, { type: 'channel', open: true }];
/** @type {Event} */
const OFFERED = { type: 'offered', id: 'c1', offer: 'offer' };

/** @param {Partial<ShownCall>} [change] */
const ringing = (change) => shown(callOf('ring', CONNECTED), change);
/** @param {Partial<ShownCall>} [change] */
const talking = (change) => shown(callOf('ring', [...CONNECTED, 'accept', 'accepted']), {
  microphone: 'live', talkingSince: NOON - 67_400, ...change,
});
/** @param {Partial<ShownCall>} [change] */
const watching = (change) => shown(callOf('watch', [OFFERED, ...CONNECTED]), change);

/** @param {import('../static/js/screen.js').Screen} one */
function reasons({ notice }) {
  return notice?.lines.map(({ reason }) => reason);
}

// ---- Home

test('with nothing going on Home is shown, quiet by day and by night', () => {
  const { view, home, notice, rings, caller, lit, media, focus, isTold } = screen();
  assert.deepEqual([view, home?.headline, home?.link, notice], ['home', 'All quiet.', 'Ready', { slot: 'home', lines: [] }]);
  assert.deepEqual([rings, caller, lit, media, focus, isTold], [false, null, false, 'none', 'headline', true]);
  for (const [hour, headline] of /** @type {const} */ ([[5, 'All quiet tonight.'], [6, 'All quiet.'], [20, 'All quiet.'], [21, 'All quiet tonight.']])) {
    assert.equal(screen({ now: new Date(2026, 0, 5, hour).getTime() }).home?.headline, headline, `at ${hour}`);
  }
});

test('what goes on at the doors is the headline, the most urgent first', () => {
  const stations = [
    { ...FRONT, faults: [{ fault: /** @type {const} */ ('relay_stuck'), door: 'house' }] },
    { ...FRONT, id: 'back', name: 'Garden', activity: /** @type {const} */ ('in_call') },
    { ...FRONT, id: 'side', name: 'Side entrance', activity: /** @type {const} */ ('ringing') },
  ];
  const headline = (/** @type {Station[]} */ all) => screen({ stations: all }).home?.headline;
  assert.equal(headline(stations), 'Side entrance is ringing.');
  assert.equal(headline(stations.slice(0, 2)), 'Somebody talks at Garden.');
  assert.equal(headline(stations.slice(0, 1)), 'Something needs a look.');
  assert.equal(headline([]), 'No door yet.');
});

test('each station has a card, by name, with what does not work there', () => {
  const { home } = screen({ stations: [FRONT, { ...FRONT, id: 'back', name: 'Back door', activity: 'watched', media: { ...FRONT.media, camera: missing } }] });
  assert.deepEqual(home?.cards.map(({ id, activity, camera, lines }) => [id, activity, camera, lines.map(({ reason }) => reason)]), [
    ['back', 'watched', 'missing', ['camera_missing']], ['front', 'idle', 'working', []],
  ]);
  assert.deepEqual(home?.cards[0]?.watch, { text: 'Watch', label: 'Watch Back door', able: true });
});

test('a door can be watched only while the companion is there, by a browser that can take calls', () => {
  const mayWatch = (/** @type {Parameters<typeof page>[0]} */ change) => screen(change).home?.cards.every(({ watch: { able } }) => able);
  assert.equal(mayWatch({ link: 'offline' }), false);
  assert.equal(mayWatch({ able: false }), false);
  assert.equal(screen({ able: false }).home?.link, 'Cannot take calls');
});

test('it is said that there is no station, unless the secret is asked for', () => {
  assert.equal(screen().home?.empty, false);
  assert.equal(screen({ stations: [] }).home?.empty, true);
  assert.equal(screen({ stations: [], link: 'refused', refusal: 'secret' }).home?.empty, false);
});

test('before the companion has spoken the page does not know how things are', () => {
  const { isTold, home } = screen({ link: 'connecting', stations: [] });
  assert.deepEqual([isTold, home?.link, home?.headline], [false, 'Connecting', 'One moment.']);
});

test('without the companion it is said that nothing rings, and what to do if that lasts', () => {
  const offline = { link: /** @type {const} */ ('offline') };
  assert.deepEqual(reasons(screen(offline)), ['offline']);
  const told = (/** @type {Parameters<typeof page>[0]} */ change) => screen({ ...offline, ...change }).notice?.lines[0]?.action?.does;
  assert.equal(told({}), undefined);
  assert.equal(told({ awayForLong: true }), 'ask_browser');
  assert.equal(told({ awayForLong: true, secure: false }), undefined, 'without HTTPS it is not the certificate');
  assert.deepEqual(reasons(screen({ ...offline, refusal: 'full', awayForLong: true })), ['full']);
  assert.deepEqual(reasons(screen({ link: 'refused', refusal: 'version' })), ['version']);
  assert.deepEqual(reasons(screen({ refusal: 'version' })), [], 'it was let in since');
});

test('a page that is not let in asks for the secret, and says so when it was wrong', () => {
  const refused = { link: /** @type {const} */ ('refused'), refusal: /** @type {const} */ ('secret') };
  const { home, unclaimed } = screen(refused);
  assert.deepEqual([home?.asksSecret, home?.secretWrong, home?.headline, unclaimed], [true, false, 'Who goes there?', false]);
  assert.equal(screen({ ...refused, secretTried: true }).home?.secretWrong, true);
  assert.equal(screen({ link: 'connecting', refusal: 'secret', secretTried: true }).home?.secretWrong, false);
});

test('a station that nobody has set up is to be set up', () => {
  const { home, unclaimed } = screen({ link: 'refused', refusal: 'unclaimed', stations: [] });
  assert.deepEqual([unclaimed, home?.headline, home?.link, home?.asksSecret], [true, 'Set up this station', 'Not set up yet', false]);
});

test('a secret that a link brought is asked about before the name', () => {
  const brought = (/** @type {string|null} */ name, /** @type {string|null} */ secret) => screen({ brought: { name, secret } }).home?.brought;
  assert.equal(brought(null, null), null);
  assert.equal(brought('Attic', 'another')?.take, 'Take the new secret');
  assert.deepEqual(brought('Attic', null), {
    text: 'The link that opened this page calls this screen “Attic”. So far it is “Kitchen”.', take: 'Call it “Attic”', drop: 'Leave it',
  });
});

test('what this screen may do to be noticed is said', () => {
  const { home } = screen({ toneBlocked: true, notifications: 'default' });
  assert.match(home?.tone ?? '', /^Your browser keeps this page silent/);
  assert.equal(home?.notifications?.mayTurnOn, true);
  assert.equal(screen({ notifications: 'denied' }).home?.notifications?.mayTurnOn, false);
  assert.equal(screen({ notifications: 'unsupported' }).home?.notifications, null);
});

test('a look at the station goes before Home, and a call before that', () => {
  const about = screen({ aboutOpen: true });
  assert.deepEqual([about.view, about.focus, about.home, about.notice], ['about', 'about-title', null, null]);
  assert.equal(screen({ aboutOpen: true, front: ringing() }).view, 'ringing');
});

// ---- A call

test('a ring is seen and heard, and no key answers it by mistake', () => {
  const { view, rings, caller, lit, focus, stage, media, home } = screen({ front: ringing() });
  assert.deepEqual([view, rings, lit, focus, media, home], ['ringing', true, true, 'stage-title', 'connected', null]);
  assert.deepEqual(caller, { name: 'Front door', button: 'Flat 2' });
  assert.deepEqual(stage?.heading, {
    title: 'Front door', eyebrow: 'Somebody is at the door', line: 'Rings for Flat 2', pictureLabel: 'Picture of Front door',
  });
});

test('for whom it rings is not said where the button is called like the station', () => {
  const call = { ...callOf('ring'), button: { id: 'call', label: 'Front door' } };
  assert.equal(screen({ front: shown(call) }).stage?.heading.line, '');
  assert.equal(screen({ front: shown({ ...call, button: { id: 'call', label: '' } }) }).stage?.heading.line, '');
});

test('a station that the companion does not know goes by its id', () => {
  const { stage, caller } = screen({ stations: [], front: ringing() });
  assert.deepEqual([stage?.heading.title, caller?.name], ['front', 'front']);
});

test('a bell that the browser holds back can be touched', () => {
  assert.deepEqual([false, true].map((toneBlocked) => screen({ toneBlocked, front: ringing() }).stage?.mayHearBell), [false, true]);
});

test('once it is answered the bell is silent, and the clock runs from the station\'s word on', () => {
  const answering = screen({ front: shown(callOf('ring', [...CONNECTED, 'accept'])) });
  assert.deepEqual([answering.view, answering.rings, answering.caller, answering.stage?.heading.eyebrow], ['in-call', false, null, 'Connecting…']);
  const call = screen({ front: talking() });
  assert.deepEqual([call.view, call.lit, call.stage?.heading.eyebrow], ['in-call', true, 'Talking · 1:07']);
});

test('what is shown is true until the next second of a call, else for a minute', () => {
  assert.equal(screen({ front: talking() }).freshMs, 600);
  assert.equal(screen({ front: talking({ talkingSince: NOON - 2_000 }) }).freshMs, 1_000);
  for (const one of [screen(), screen({ front: ringing() }), screen({ front: watching() })]) assert.equal(one.freshMs, 60_000);
});

test('the microphone\'s button says whether the visitor hears', () => {
  const button = (/** @type {Partial<ShownCall>} */ change) => screen({ front: talking(change) }).stage?.microphone;
  assert.deepEqual(button({}), { silent: false, label: 'Mute', state: 'on' });
  assert.deepEqual(button({ microphone: 'asking' }), { silent: false, label: 'Mute', state: 'on' });
  assert.deepEqual(button({ muted: true }), { silent: true, label: 'Unmute', state: 'muted' });
  assert.deepEqual(button({ microphone: 'microphone_missing' }), { silent: true, label: 'Mute', state: 'missing' });
});

test('what keeps the visitor from being heard is told, with what to do', () => {
  for (const trouble of /** @type {const} */ (['microphone_refused', 'microphone_missing', 'microphone_busy'])) {
    const { notice } = screen({ front: talking({ microphone: trouble }) });
    assert.deepEqual([notice?.slot, notice?.lines[0]?.reason, notice?.lines[0]?.action?.does], ['stage', trouble, 'retry_microphone']);
  }
  assert.equal(screen({ front: talking({ microphone: 'microphone_insecure' }) }).notice?.lines[0]?.action, undefined);
  assert.equal(screen({ front: talking({ soundBlocked: true }) }).notice?.lines[0]?.action?.does, 'play_sound');
});

test('a connection that broke off is told, but not beside "answer"', () => {
  /** @type {Event} */
  const lost = { type: 'media', media: 'reconnecting' };
  const call = screen({ front: shown(step(talking().call, lost).call, { talkingSince: NOON }) });
  assert.deepEqual([reasons(call), call.stage?.picture.dimmed, call.media], [['reconnecting'], true, 'reconnecting']);
  const rung = screen({ front: shown(step(ringing().call, lost).call, { channelMissing: true, versionDiffers: true }) });
  assert.deepEqual([reasons(rung), rung.stage?.picture.dimmed], [[], false]);
});

test('the most important notice is first', () => {
  const front = talking({ microphone: 'microphone_busy', soundBlocked: true, channelMissing: true, versionDiffers: true, health: { ...FRONT.media, speaker: missing } });
  assert.deepEqual(reasons(screen({ front, pressedAgain: front })), [
    'microphone_busy', 'sound_blocked', 'pressed_again', 'channel_missing', 'control_version', 'station_speaker_missing',
  ]);
});

test('that the visitor pressed again is told in that visitor\'s call only', () => {
  const front = talking();
  assert.deepEqual(reasons(screen({ front, pressedAgain: front })), ['pressed_again']);
  assert.deepEqual(reasons(screen({ front, pressedAgain: talking() })), []);
});

test('what works at the station is as it said in the call, else as at its door', () => {
  const stations = [{ ...FRONT, media: { ...FRONT.media, microphone: missing } }];
  assert.deepEqual(reasons(screen({ stations, front: ringing() })), ['station_microphone_missing']);
  assert.deepEqual(reasons(screen({ stations, front: ringing({ health: FRONT.media }) })), []);
});

test('doors open while somebody talks over a connection that works', () => {
  const enabled = (/** @type {ShownCall} */ front) => screen({ front }).stage?.doors.map((door) => door.enabled);
  assert.deepEqual(enabled(talking()), [true, true]);
  assert.deepEqual(enabled(ringing()), [false, false]);
  assert.deepEqual(enabled(shown({ ...talking().call, channel: false })), [false, false]);
  assert.deepEqual(enabled(shown({ ...talking().call, media: 'reconnecting' })), [false, false]);
});

test('where nobody rang, only the doors open that may, and the others say why not', () => {
  const front = shown(callOf('watch', [OFFERED, ...CONNECTED, 'accept', 'accepted']));
  assert.deepEqual(screen({ front }).stage?.doors.map(({ door, enabled, shut }) => [door.id, enabled, shut]), [
    ['house', false, 'door.refused.not_rung'], ['gate', true, null],
  ]);
});

test('a door is as the call knows it', () => {
  const opened = { ...SHUT, outcome: /** @type {const} */ ('opened'), open: true };
  const front = talking({ doors: { state: (id) => (id === 'gate' ? opened : SHUT) } });
  assert.deepEqual(screen({ front }).stage?.doors.map(({ state }) => state), [SHUT, opened]);
});

test('a station that is gone from the companion keeps its doors in the call', () => {
  const stage = { ...page().stage, doors: [{ id: 'house', label: 'House door' }] };
  assert.deepEqual(screen({ stations: [], stage, front: talking() }).stage?.doors.map(({ door }) => door.id), ['house']);
});

test('without a picture it is said what one can do', () => {
  const gate = (/** @type {boolean} */ open) => [{ ...FRONT, doors: [{ id: 'gate', label: 'Gate', open_without_ring: open }], media: { ...FRONT.media, camera: absent } }];
  const waiting = { ...page().stage, picture: /** @type {const} */ ('waiting') };
  const help = (/** @type {ShownCall} */ front, open = true) => screen({ stations: gate(open), stage: waiting, front }).stage?.picture.help;
  assert.equal(help(ringing()), 'You can still answer.');
  assert.equal(help(talking()), 'You can still talk and open the door.');
  assert.equal(help(shown(callOf('watch', [OFFERED, ...CONNECTED, 'accept', 'accepted'])), false), 'You can still talk.');
  assert.equal(help(watching()), 'You can still talk.');
});

test('in the picture\'s place stands why there is none', () => {
  /** @type {(picture: import('../static/js/view/picture.js').PictureState, camera?: import('../types/messages').Health, pictureless?: boolean) => unknown} */
  const place = (picture, camera = working, pictureless = false) => {
    const told = screen({
      stations: [{ ...FRONT, media: { ...FRONT.media, camera } }], stage: { ...page().stage, picture }, front: ringing({ peer: { pictureless } }),
    }).stage?.picture;
    return [told?.shown, told?.title, told?.fitButton.hidden];
  };
  assert.deepEqual(place('waiting'), ['waiting', 'The picture is on its way…', true]);
  assert.deepEqual(place('live'), ['live', '', false]);
  assert.deepEqual(place('stalled'), ['stalled', 'The picture stands still', false]);
  assert.deepEqual(place('paused'), ['paused', 'Touch anywhere to see the picture', true]);
  assert.deepEqual(place('waiting', missing), ['none', 'No picture', true]);
  assert.deepEqual(place('live', missing), ['live', '', false], 'the station sends a card of its own');
  assert.deepEqual(place('live', working, true), ['unable', 'This browser cannot show the picture.', true], 'one black frame is no picture');
  assert.deepEqual(place('waiting', missing, true), ['none', 'No picture', true]);
});

test('the picture is whole or fills the screen, and the button says what the other would be', () => {
  const fit = (/** @type {boolean} */ whole) => {
    const told = screen({ stage: { ...page().stage, whole }, front: ringing() }).stage?.picture;
    return [told?.fit, told?.fitButton.icon, told?.fitButton.label];
  };
  assert.deepEqual(fit(true), ['whole', 'fill', 'Fill the screen']);
  assert.deepEqual(fit(false), ['fill', 'fit', 'Show the whole picture']);
});

test('the connection is a word, and figures for who asks', () => {
  /** @type {import('../static/js/monitor.js').Reading} */
  const reading = {
    level: 'fair', interval: { lossPct: 1.26, concealedPct: 0, framesPerSecond: 24.6, frozenPct: 0, rttMs: null, width: 1280, height: 720 },
  };
  assert.equal(screen({ front: talking() }).stage?.quality, null);
  assert.equal(screen({ reading, front: shown(callOf('ring')) }).stage?.quality, null, 'not before it is connected');
  assert.deepEqual(screen({ reading, front: talking() }).stage?.quality, {
    level: 'fair', text: 'Fair connection', label: 'Connection: Fair connection', rows: null,
  });
  assert.deepEqual(screen({ reading, stage: { ...page().stage, details: true }, front: talking() }).stage?.quality?.rows?.map(([, value]) => value), [
    '–', '1.3 %', '0.0 %', '1280 × 720, 25/s',
  ]);
});

test('a watch says that nobody is heard, and the way to the door', () => {
  const asked = screen({ front: shown(callOf('watch'), { peer: null }) });
  assert.deepEqual([asked.view, asked.stage?.mayTalk, asked.stage?.heading.eyebrow], ['watching', false, 'Connecting…']);
  const seen = screen({ front: watching() });
  assert.deepEqual([seen.stage?.mayTalk, seen.stage?.heading.eyebrow, seen.rings, seen.lit], [true, 'Watching', false, true]);
  assert.deepEqual(seen.stage?.hangUp, { icon: 'close', label: 'Close' });
  assert.deepEqual(screen({ front: talking() }).stage?.hangUp, { icon: 'hang-up', label: 'Hang up' });
  const line = (/** @type {Station['doors']} */ doors, front = watching()) => screen({ stations: [{ ...FRONT, doors }], front }).stage?.heading.line;
  assert.equal(line([]), 'The visitor does not hear you.');
  assert.equal(line([{ id: 'house', label: 'House door' }]), 'Not heard. Doors open on a ring.');
  assert.equal(line(FRONT.doors), 'Not heard. Talk to open a door.');
  assert.equal(line([{ id: 'house', label: 'House door' }], shown(callOf('watch', [OFFERED, 'station_rings']))), 'Not heard. Talk to open a door.');
});

// ---- Calls beside each other

test('a second ring waits beside the call, and says what becomes of the first', () => {
  const side = shown({ ...callOf('ring'), station: 'side' });
  const stations = [FRONT, { ...FRONT, id: 'side', name: 'Side entrance' }];
  assert.equal(screen({ front: ringing() }).stage?.waiting, null);
  assert.deepEqual(screen({ stations, front: ringing(), waiting: [side] }).stage?.waiting, { text: 'Side entrance is ringing too', show: 'Show' });
  assert.deepEqual(screen({ stations, front: talking(), waiting: [side] }).stage?.waiting, { text: 'Side entrance is ringing too', show: 'Hang up and show' });
});

test('a ring is read out, and beside another call the bell is struck once', () => {
  const front = ringing();
  assert.equal(doesRing(front), true);
  assert.deepEqual(heardOfRing(page({ front }), front), { words: 'Front door is ringing. Answer or decline.', strike: false });
  assert.equal(doesRing(talking()), false);
  assert.equal(heardOfRing(page({ front: talking() }), front)?.strike, true);
  assert.equal(heardOfRing(page(), shown(callOf('ring', ['decline']))), null, 'it is over already');
});

test('a ring that can\'t be answered here is heard all the same', () => {
  assert.deepEqual(heardInVain(page(), 'front'), { words: 'Front door is ringing.', strike: true });
});

// ---- A call that is over

/**
 * How a call ended, as it is told.
 *
 * @param {'ring'|'watch'} kind
 * @param {(Event|Event['type'])[]} events
 * @param {Partial<ShownCall>} [change]
 */
function endOf(kind, events, change) {
  return screen({ ending: endingOf(page(), shown(callOf(kind, events), change), true) });
}

test('it is told what became of a call', () => {
  for (const [reason, icon, tone, title] of /** @type {[Reason, string, string, string][]} */ ([
    ['hung_up', 'missed', 'missed', 'The visitor has gone'],
    ['answered_elsewhere', 'elsewhere', 'good', 'Answered on another screen'],
    ['declined', 'hang-up', 'good', 'Declined'],
    ['ring_timeout', 'missed', 'missed', 'Nobody answered'],
    ['connection_lost', 'warn', 'warn', 'The connection was lost'],
    ['station_gone', 'warn', 'warn', 'The door station is not there'],
  ])) {
    const { view, focus, ended, notice, media } = endOf('ring', [{ type: 'ended', reason }]);
    assert.deepEqual([view, focus, ended, media], ['ended', 'ended-home', { icon, tone, title, text: 'Front door' }, 'none']);
    assert.deepEqual([notice?.slot, notice?.lines.map((line) => [line.reason, line.text])], ['ended', [[reason, title]]]);
  }
});

test('of a call that was talked it is told how long', () => {
  const over = endOf('ring', [...CONNECTED, 'accept', 'accepted', 'hang_up'], { talkingSince: NOON - 67_400 });
  assert.deepEqual(over.ended, { icon: 'check', tone: 'good', title: 'Call ended', text: 'Front door, 1:07' });
});

test('what can be done about an end is said', () => {
  const help = (/** @type {Reason} */ reason) => endOf('ring', [{ type: 'ended', reason }]).notice?.lines[0]?.help !== undefined;
  assert.deepEqual(['connection_lost', 'handshake_failed', 'busy', 'malformed'].map((reason) => help(/** @type {Reason} */ (reason))), [true, true, true, true]);
  assert.equal(help('ring_timeout'), false);
});

test('a connection that never came back is still failed when its end is told', () => {
  assert.equal(endOf('ring', ['accept', { type: 'deadline', name: 'confirm' }]).media, 'failed');
});

test('a watch that a person closed is not worth a word, nor is a call that was not shown', () => {
  assert.equal(endingOf(page(), shown(callOf('watch', [OFFERED, 'hang_up'])), true), null);
  const declined = shown(callOf('ring', ['decline']));
  assert.equal(endingOf(page(), declined, false), null);
  assert.equal(endingOf(page({ front: ringing() }), declined, true), null, 'the next call is shown already');
});

test('an end gives way to a call, and to nothing else', () => {
  const ending = endingOf(page(), shown(callOf('ring', ['decline'])), true);
  assert.equal(screen({ ending, aboutOpen: true }).view, 'ended');
  const next = screen({ ending, front: ringing() });
  assert.deepEqual([next.view, next.ended, next.notice?.slot], ['ringing', null, 'stage']);
});

test('the list of calls says what became of each, and how long it was', () => {
  const entry = (/** @type {ShownCall} */ over) => entryOf(page(), over);
  assert.deepEqual(entry(shown(callOf('ring', ['decline']))), {
    call: 'c1', at: NOON - 90_000, name: 'Front door', label: 'Flat 2', outcome: 'declined', seconds: 0,
  });
  assert.equal(entry(shown(callOf('ring', ['accept', 'accepted', 'hang_up']), { talkingSince: NOON - 5_000 }))?.seconds, 5);
  const watched = entry(shown(callOf('watch', [OFFERED, 'hang_up'])));
  assert.deepEqual([watched?.outcome, watched?.label, watched?.seconds], ['watched', '', 90]);
  assert.equal(entry(shown(callOf('watch', ['hang_up']))), null, 'it never became a call');
});

test('what gets the focus is in the page', () => {
  const html = readFileSync(new URL('../static/index.html', import.meta.url), 'utf8');
  const ending = endingOf(page(), shown(callOf('ring', ['decline'])), true);
  for (const one of [screen(), screen({ aboutOpen: true }), screen({ ending }), screen({ front: ringing() }), screen({ front: talking() }), screen({ front: watching() })]) {
    assert.ok(html.includes(`id="${one.focus}" `), one.focus);
  }
});
