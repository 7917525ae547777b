// Measures inside the page what a person there sees and hears. Installed once per loaded page as `window.hil`; it
// changes nothing of the page.
if (!window.hil) {
  // performance.timeOrigin is read once when the page loads and can be off by milliseconds: correct it at a moment
  // when the wall clock just turned.
  const turned = Date.now();
  while (Date.now() === turned);
  const skew = Date.now() - (performance.timeOrigin + performance.now());
  const wall = (at = performance.now()) => performance.timeOrigin + at + skew;

  const clock = {
    readings: [],
    presented: 0,
    unreadable: 0,
    lastError: '',
    start(video) {
      if (this.video === video) return;
      this.video = video;
      const canvas = document.createElement('canvas');
      canvas.width = 16;
      canvas.height = 3;
      const context = canvas.getContext('2d', { willReadFrequently: true });
      context.imageSmoothingEnabled = false;
      const look = (now, { expectedDisplayTime }) => {
        const at = wall();
        this.presented += 1;
        const shown = this.read(video, context, at);
        if (shown === null) this.unreadable += 1;
        else {
          this.readings.push({ at, displayed: wall(expectedDisplayTime), shown });
          if (this.readings.length > 4000) this.readings.shift();
        }
        video.requestVideoFrameCallback(look);
      };
      video.requestVideoFrameCallback(look);
    },
    // 48 blocks in 3 rows of 16, most significant first: 40 bits of milliseconds since the epoch, 8 of checksum.
    read(video, context, now) {
      const block = Math.floor(video.videoWidth / 20 / 2) * 2;
      if (block === 0) return null;
      context.drawImage(video, 2 * block, block, 16 * block, 3 * block, 0, 0, 16, 3);
      const { data } = context.getImageData(0, 0, 16, 3);
      const bytes = [0, 0, 0, 0, 0, 0];
      for (let i = 0; i < 48; i += 1) {
        const luma = 0.299 * data[4 * i] + 0.587 * data[4 * i + 1] + 0.114 * data[4 * i + 2];
        if (luma > 127) bytes[i >> 3] |= 0x80 >> (i & 7);
      }
      const sum = bytes.slice(0, 5).reduce((total, byte) => total + byte, 0) % 256;
      if (sum !== bytes[5]) {
        this.lastError = `checksum ${sum} of ${bytes.join(' ')} in ${video.videoWidth}x${video.videoHeight}`;
        return null;
      }
      const low = bytes.slice(0, 5).reduce((total, byte) => total * 256 + byte, 0);
      const range = 2 ** 40;
      const candidate = Math.floor(now / range) * range + low;
      // The clock wraps every 35 years; the nearest time is meant.
      return [candidate - range, candidate, candidate + range].reduce((best, time) =>
        Math.abs(time - now) < Math.abs(best - now) ? time : best);
    },
  };

  const tone = {
    stream: null,
    heardAt: null,
    // Attaches to a stream; calling it again with the same one changes nothing.
    start(stream) {
      if (!stream || stream.getAudioTracks().length === 0) return false;
      const track = stream.getAudioTracks()[0];
      if (this.track === track) return true;
      this.track = track;
      this.heardAt = null;
      this.context ??= new AudioContext({ latencyHint: 'interactive' });
      this.context.resume();
      this.source?.disconnect();
      this.source = this.context.createMediaStreamSource(new MediaStream([track]));
      this.analyser = this.context.createAnalyser();
      this.analyser.fftSize = 16384;
      this.analyser.smoothingTimeConstant = 0;
      this.source.connect(this.analyser);
      // The first audible sample, to 256 samples; a worklet would need a script that the page's policy forbids.
      this.spotter = this.context.createScriptProcessor(256, 1, 1);
      this.spotter.onaudioprocess = (event) => {
        if (this.heardAt !== null) return;
        const loud = event.inputBuffer.getChannelData(0).some((sample) => Math.abs(sample) > 0.003);
        if (loud) this.heardAt = wall();
      };
      this.source.connect(this.spotter);
      this.spotter.connect(this.context.destination);
      return true;
    },
    read() {
      if (!this.analyser) return null;
      const { analyser, context } = this;
      const bins = new Float32Array(analyser.frequencyBinCount);
      analyser.getFloatFrequencyData(bins);
      const width = context.sampleRate / analyser.fftSize;
      let best = Math.ceil(80 / width);
      for (let i = best; i < 4000 / width; i += 1) if (bins[i] > bins[best]) best = i;
      const samples = new Float32Array(analyser.fftSize);
      analyser.getFloatTimeDomainData(samples);
      const square = samples.reduce((total, sample) => total + sample * sample, 0) / samples.length;
      const power = (bin) => 10 ** (bins[bin] / 10);
      let total = 0;
      for (let i = 1; i < bins.length; i += 1) total += power(i);
      let near = 0;
      for (let i = Math.max(1, best - 6); i <= best + 6; i += 1) near += power(i);
      const finite = (value, otherwise) => (Number.isFinite(value) ? value : otherwise);
      return {
        hz: best * width,
        dbfs: finite(10 * Math.log10(2 * square), -200),
        purity: finite(near / total, 0),
      };
    },
  };

  // What a person notices of a ring: it is painted, it is heard; and when the connection for its picture was up.
  const ring = {
    paintedAt: null,
    heardAt: null,
    connectedAt: null,
    spotters: new WeakMap(),
    // Watches from now on; what was seen before is forgotten.
    start() {
      Object.assign(this, { paintedAt: null, heardAt: null, connectedAt: null });
      if (this.watches) return;
      this.watches = true;
      new MutationObserver(() => {
        if (document.body.dataset.view === 'ringing') this.paint();
      }).observe(document.body, { attributeFilter: ['data-view'] });
      const { connect } = AudioNode.prototype;
      AudioNode.prototype.connect = function (target, ...rest) {
        if (target instanceof AudioDestinationNode && target.context !== tone.context) {
          connect.call(this, ring.spotter(target.context, connect));
        }
        return connect.call(this, target, ...rest);
      };
      const { setRemoteDescription } = RTCPeerConnection.prototype;
      RTCPeerConnection.prototype.setRemoteDescription = function (...description) {
        this.addEventListener('connectionstatechange', () => {
          if (this.connectionState === 'connected') ring.connectedAt ??= wall();
        });
        return setRemoteDescription.apply(this, description);
      };
    },
    // A frame's callbacks run before it is drawn, a message that they send to themselves is taken after that.
    paint() {
      requestAnimationFrame(() => {
        const { port1, port2 } = new MessageChannel();
        port1.onmessage = () => { this.paintedAt ??= wall(); };
        port2.postMessage(null);
      });
    },
    // As in `tone`, to 256 samples.
    spotter(context, connect) {
      const known = this.spotters.get(context);
      if (known !== undefined) return known;
      const spotter = context.createScriptProcessor(256, 1, 1);
      spotter.onaudioprocess = ({ inputBuffer }) => {
        if (this.heardAt === null && inputBuffer.getChannelData(0).some((sample) => Math.abs(sample) > 0.003)) {
          this.heardAt = wall();
        }
      };
      connect.call(spotter, context.destination);
      this.spotters.set(context, spotter);
      return spotter;
    },
    read() {
      const { paintedAt, heardAt, connectedAt } = this;
      return { paintedAt, heardAt, connectedAt };
    },
  };

  // A camera's test picture: eight colour bars, and a text that changes with every frame above them.
  const bars = {
    colours: '',
    pictures: new Set(),
    start(video) {
      if (this.video === video) return;
      this.video = video;
      const canvas = document.createElement('canvas');
      canvas.width = 160;
      canvas.height = 90;
      const context = canvas.getContext('2d', { willReadFrequently: true });
      const look = () => {
        context.drawImage(video, 0, 0, 160, 90);
        this.read(context);
        video.requestVideoFrameCallback(look);
      };
      video.requestVideoFrameCallback(look);
    },
    read(context) {
      const names = ['black', 'blue', 'green', 'cyan', 'red', 'magenta', 'yellow', 'white'];
      const row = context.getImageData(0, 80, 160, 1).data;
      const colour = (bar) => {
        const at = 4 * (20 * bar + 10);
        return names[(row[at] > 96 ? 4 : 0) + (row[at + 1] > 96 ? 2 : 0) + (row[at + 2] > 96 ? 1 : 0)];
      };
      this.colours = [0, 1, 2, 3, 4, 5, 6, 7].map(colour).join(' ');
      const text = context.getImageData(0, 0, 160, 30).data;
      let sum = 0;
      for (let i = 0; i < text.length; i += 4) sum = (sum * 31 + (text[i] >> 4)) % 0xffffffff;
      this.pictures.add(sum);
    },
  };

  // A screen that a camera films: red, green and blue in turn. Its exposure, white balance, perspective and what is around the
  // screen are the camera's own, so only the middle counts, and there only which colour is clearly the strongest.
  const colours = {
    last: null,
    changes: 0,
    middle: [],
    start(video) {
      if (this.video === video) return;
      this.video = video;
      const canvas = document.createElement('canvas');
      canvas.width = 16;
      canvas.height = 9;
      const context = canvas.getContext('2d', { willReadFrequently: true });
      const look = () => {
        context.drawImage(video, 0, 0, 16, 9);
        this.read(context);
        video.requestVideoFrameCallback(look);
      };
      video.requestVideoFrameCallback(look);
    },
    read(context) {
      const { data } = context.getImageData(6, 3, 4, 3);
      const mean = [0, 0, 0];
      for (let i = 0; i < data.length; i += 4) for (let c = 0; c < 3; c += 1) mean[c] += data[i + c] / (data.length / 4);
      this.middle = mean.map(Math.round);
      const [second, first] = [...mean].sort((a, b) => a - b).slice(1);
      // Halfway from one to the next it is neither.
      if (first < 1.25 * second + 8) return;
      const colour = mean.indexOf(first);
      if (colour === this.last) return;
      if (this.last !== null && colour === (this.last + 1) % 3) this.changes += 1;
      this.last = colour;
    },
  };

  // What the page plays to the person: the sound element's stream, or the connection's, whichever is there first.
  const incoming = () => {
    const element = document.getElementById('visitor-sound');
    if (element?.srcObject) return element.srcObject;
    const receiver = window.doorway?.connection?.getReceivers().find((each) => each.track?.kind === 'audio');
    return receiver ? new MediaStream([receiver.track]) : null;
  };

  const inbound = async (kind) => {
    const report = await window.doorway?.connection?.getStats();
    for (const entry of report?.values() ?? []) if (entry.type === 'inbound-rtp' && entry.kind === kind) return entry;
    return null;
  };

  window.hil = { wall, clock, tone, ring, bars, colours, incoming, inbound };
}
