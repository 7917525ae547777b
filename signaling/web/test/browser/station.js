// Runs in the page under test before the page's own scripts do: a companion and its stations in place of those behind
// the WebSocket. The station's end of a call is a connection of this same browser, so that the picture is a real one.

(() => {
  /** @typedef {import('../../types/messages').Station} Station */
  /** @typedef {import('../../types/messages').StationSignal} StationSignal */

  const working = /** @type {const} */ ({ state: 'working' });
  /** @type {Station} */
  const front = {
    id: 'front', name: 'Front door', activity: 'idle', buttons: [{ id: 'call', label: 'Family Lindgren' }],
    doors: [{ id: 'house', label: 'House door' }, { id: 'gate', label: 'Garden gate' }],
    media: { camera: working, microphone: working, speaker: working },
  };
  const CALL = 'call-1';

  let still = false;
  /** What the page has to wait for this long, or does again and again, is stopped by `stays`. */
  const LONG_MS = 500;
  const { setTimeout, setInterval, fetch: ask } = globalThis;

  /** @type {FakeSocket|null} */
  let socket = null;
  /** @type {FakeEvents|null} */
  let events = null;
  /** @type {RTCPeerConnection|null} */
  let connection = null;
  /** @type {RTCDataChannel|null} */
  let channel = null;

  const fake = {
    // What a test sets before the page's scripts run.
    stations: [front],
    /** Why the companion does not let the page in. @type {string|null} */
    refusal: null,
    /** Nobody answers at the companion's address. */
    away: false,
    /** How long the companion takes to say its first word. */
    lateMs: 0,
    /** The station's camera sends a picture. */
    picture: true,
    /** What the station does once somebody watches. @type {import('../../types/messages').Activity} */
    seen: 'watched',
    width: 1280,
    height: 720,
    /** What is answered to `fetch`, by path. @type {Record<string, unknown>} */
    answers: {},

    /** From now on nothing happens by itself in the page that takes longer than a person notices. */
    stays() {
      still = true;
    },

    // What the page said: signals to the station, and requests over the call's channel.
    /** @type {any[]} */
    told: [],
    /** @type {any[]} */
    asked: [],
    /** What it asked for over HTTP, and with which secret. @type {{address: string, secret: string|null}[]} */
    fetched: [],
    /** The hello that was said last. @type {any} */
    hello: null,
    /** What went wrong in the page, its content security policy included. @type {string[]} */
    wrong: [],

    /**
     * Something about the first station is different now.
     *
     * @param {Partial<Station>} change
     */
    changes(change) {
      const [station] = fake.stations;
      if (station === undefined) return;
      Object.assign(station, change);
      say({ type: 'station', station });
    },

    async rings() {
      fake.changes({ activity: 'ringing' });
      const offer = await offered();
      const button = fake.stations[0]?.buttons[0];
      signal({ type: 'ring', call: CALL, button: button ?? { id: 'call', label: '' }, offer, timeout_ms: 30_000, pressed_at_ms: 0 });
    },

    /**
     * Another station rings as well.
     *
     * @param {string} name
     */
    ringsToo(name) {
      const station = { ...front, id: 'side', name };
      say({ type: 'station', station });
      say({ type: 'signal', from: station.id, signal: {
        type: 'ring', call: 'call-2', button: { id: 'call', label: 'Office' }, offer: null, timeout_ms: 30_000, pressed_at_ms: 0,
      } });
    },

    /**
     * The station says something over the call's channel.
     *
     * @param {import('../../types/messages').Event} event
     */
    says(event) {
      channel?.send(JSON.stringify(event));
    },

    /** @param {import('../../types/messages').EndReason} reason */
    ends(reason) {
      signal({ type: 'ended', call: CALL, reason });
    },

    /** The companion is gone. */
    breaks() {
      fake.away = true;
      socket?.onclose?.();
    },

    /**
     * The simulated board's panel is told of the board.
     *
     * @param {import('../../types/sim').SimState} state
     */
    shows(state) {
      events?.onmessage?.({ data: JSON.stringify(state) });
    },
  };

  class FakeSocket {
    static OPEN = 1;
    readyState = 1;
    /** @type {(() => void)|null} */
    onopen = null;
    /** @type {((event: {data: string}) => void)|null} */
    onmessage = null;
    /** @type {(() => void)|null} */
    onclose = null;

    constructor() {
      socket = this;
      setTimeout(() => (fake.away ? this.onclose?.() : this.onopen?.()), fake.lateMs);
    }

    /** @param {string} text */
    send(text) {
      const message = JSON.parse(text);
      if (message.type === 'hello') {
        fake.hello = message;
        say(fake.refusal === null
          ? { type: 'welcome', version: 1, stations: fake.stations }
          : { type: 'refused', code: fake.refusal, message: 'a test refuses it' });
      } else if (message.type === 'ping') {
        say({ type: 'pong' });
      } else {
        fake.told.push(message.signal);
        void heed(message.signal);
      }
    }

    close() {
      this.readyState = 3;
    }
  }

  class FakeEvents {
    /** @type {(() => void)|null} */
    onopen = null;
    /** @type {(() => void)|null} */
    onerror = null;
    /** @type {((event: {data: string}) => void)|null} */
    onmessage = null;

    constructor() {
      events = this;
      setTimeout(() => (fake.away ? this.onerror?.() : this.onopen?.()), 0);
    }
  }

  /** @param {object} message - of the companion */
  function say(message) {
    setTimeout(() => socket?.onmessage?.({ data: JSON.stringify(message) }), 0);
  }

  /** @param {StationSignal} what */
  function signal(what) {
    say({ type: 'signal', from: fake.stations[0]?.id, signal: what });
  }

  /** @param {import('../../types/messages').ClientSignal} what */
  async function heed(what) {
    switch (what.type) {
      case 'watch':
        fake.changes({ activity: fake.seen });
        signal({ type: 'offer', call: CALL, offer: await offered() });
        return;
      case 'answer':
        await connection?.setRemoteDescription({ type: 'answer', sdp: what.answer });
        return;
      case 'candidate':
        await connection?.addIceCandidate({ candidate: what.candidate, sdpMLineIndex: 0 });
        return;
      case 'accept':
        accepts();
        return;
      case 'rang':
      case 'decline':
      case 'hang_up':
      case 'reconnect':
        return;
    }
  }

  function accepts() {
    fake.changes({ activity: 'in_call' });
    signal({ type: 'accepted', call: CALL });
  }

  async function offered() {
    const made = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
    connection = made;
    made.onicecandidate = ({ candidate }) => {
      if (candidate !== null && candidate.candidate !== '') signal({ type: 'candidate', call: CALL, candidate: candidate.candidate });
    };
    const [sound] = new AudioContext().createMediaStreamDestination().stream.getAudioTracks();
    if (sound !== undefined) made.addTransceiver(sound, { direction: 'sendrecv' });
    channel = made.createDataChannel('doorway');
    channel.onopen = () => fake.says({ type: 'hello', version: 1, call: CALL });
    channel.onmessage = ({ data }) => {
      const request = JSON.parse(data);
      if (request.type === 'ping') {
        fake.says({ type: 'pong', token: request.token });
        return;
      }
      fake.asked.push(request);
      if (request.type === 'accept') accepts();
    };
    if (fake.picture) {
      const video = made.addTransceiver(visitor(), { direction: 'sendonly' });
      const codecs = RTCRtpSender.getCapabilities('video')?.codecs ?? [];
      video.setCodecPreferences(codecs.filter(({ mimeType }) => mimeType === 'video/H264'));
    }
    const offer = await made.createOffer();
    await made.setLocalDescription(offer);
    return offer.sdp ?? '';
  }

  /** A visitor at a door in the sun: on such a picture words are hardest to read. */
  function visitor() {
    const canvas = document.createElement('canvas');
    Object.assign(canvas, { width: fake.width, height: fake.height });
    const context = canvas.getContext('2d');
    let turn = 0;
    const draw = () => {
      if (context === null) return;
      turn += 1;
      const { width, height } = canvas;
      const [x, unit] = [width / 2 + Math.sin(turn / 9) * height * 0.01, Math.min(width, height * 16 / 9) / 1280];
      context.fillStyle = '#fdfdf9';
      context.fillRect(0, 0, width, height);
      context.fillStyle = '#dfe6d8';
      context.fillRect(0, height * 0.62, width, height);
      context.fillStyle = '#efece3';
      for (let post = 0; post < 9; post += 1) context.fillRect(width * post / 8, height * 0.42, 26 * unit, height * 0.3);
      context.fillStyle = '#41566b';
      context.beginPath();
      context.ellipse(x, height * 1.02, 250 * unit, 330 * unit, 0, 0, 7);
      context.fill();
      context.fillStyle = '#c98f6b';
      context.beginPath();
      context.ellipse(x, height * 0.36, 82 * unit, 108 * unit, 0, 0, 7);
      context.fill();
      context.fillStyle = '#4a2f20';
      context.beginPath();
      context.ellipse(x, height * 0.3, 90 * unit, 84 * unit, 0, Math.PI, 0);
      context.fill();
    };
    draw();
    setInterval(draw, 100);
    const [track] = canvas.captureStream(10).getVideoTracks();
    if (track === undefined) throw new Error('a canvas gave no picture');
    return track;
  }

  addEventListener('error', ({ message }) => fake.wrong.push(message));
  addEventListener('unhandledrejection', ({ reason }) => fake.wrong.push(String(reason)));
  document.addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) => fake.wrong.push(`${violatedDirective}: ${blockedURI}`));

  Object.assign(globalThis, {
    fake,
    WebSocket: FakeSocket,
    EventSource: FakeEvents,
    setTimeout: (/** @type {() => void} */ run, ms = 0) => setTimeout(() => {
      if (!still || ms < LONG_MS) run();
    }, ms),
    setInterval: (/** @type {() => void} */ run, ms = 0) => setInterval(() => {
      if (!still) run();
    }, ms),
    /**
     * @param {string} address
     * @param {RequestInit} [options]
     */
    fetch: (address, options) => {
      const { [address]: answer } = fake.answers;
      const secret = new Headers(options?.headers).get('authorization');
      fake.fetched.push({ address, secret: secret?.replace('Bearer ', '') ?? null });
      return answer === undefined ? ask(address, options)
        : Promise.resolve(new Response(JSON.stringify(answer), { headers: { 'content-type': 'application/json' } }));
    },
  });
})();
