// From the numbers of the connection to a word that a person can use. Pure, but for reading the report that it is given.

/** @typedef {'good'|'fair'|'poor'} Level */

/**
 * The counters of one report, all counting up from the start of the connection.
 * @typedef {object} Sample
 * @property {number} atMs
 * @property {number} received - RTP packets, video and audio
 * @property {number} lost
 * @property {number} concealed - samples of sound that had to be made up
 * @property {number} heard - samples of sound in all
 * @property {number} decoded - frames
 * @property {number} frozenMs - time the picture stood still
 * @property {number|null} rttMs
 * @property {number} width
 * @property {number} height
 */

/**
 * What happened between two samples.
 * @typedef {object} Interval
 * @property {number} lossPct
 * @property {number} concealedPct
 * @property {number} framesPerSecond
 * @property {number} frozenPct
 * @property {number|null} rttMs
 * @property {number} width
 * @property {number} height
 */

/** An interval has to be this much worse or better in a row before the word changes. */
const WORSE_AFTER = 2;
const BETTER_AFTER = 3;
const ORDER = /** @type {const} */ (['good', 'fair', 'poor']);

/**
 * @param {RTCStatsReport} report
 * @returns {Sample}
 */
export function sample(report) {
  /** @type {Sample} */
  const total = {
    atMs: 0, received: 0, lost: 0, concealed: 0, heard: 0, decoded: 0, frozenMs: 0, rttMs: null, width: 0, height: 0,
  };
  report.forEach((entry) => {
    if (entry.type === 'inbound-rtp') {
      total.atMs = entry.timestamp;
      total.received += entry.packetsReceived ?? 0;
      total.lost += Math.max(0, entry.packetsLost ?? 0);
      if (entry.kind === 'video') {
        total.decoded += entry.framesDecoded ?? 0;
        total.frozenMs += (entry.totalFreezesDuration ?? 0) * 1_000;
        total.width = entry.frameWidth ?? 0;
        total.height = entry.frameHeight ?? 0;
      } else {
        total.concealed += Math.max(0, (entry.concealedSamples ?? 0) - (entry.silentConcealedSamples ?? 0));
        total.heard += entry.totalSamplesReceived ?? 0;
      }
    } else if (entry.type === 'candidate-pair' && entry.nominated && entry.state === 'succeeded') {
      if (typeof entry.currentRoundTripTime === 'number') total.rttMs = entry.currentRoundTripTime * 1_000;
    }
  });
  return total;
}

/**
 * @param {Sample} before
 * @param {Sample} after
 * @returns {Interval}
 */
export function between(before, after) {
  const elapsedMs = Math.max(1, after.atMs - before.atMs);
  const received = Math.max(0, after.received - before.received);
  const lost = Math.max(0, after.lost - before.lost);
  const heard = Math.max(0, after.heard - before.heard);
  const concealed = Math.max(0, after.concealed - before.concealed);
  return {
    lossPct: percent(lost, received + lost),
    concealedPct: percent(concealed, heard),
    framesPerSecond: Math.max(0, after.decoded - before.decoded) / (elapsedMs / 1_000),
    frozenPct: Math.min(100, percent(Math.max(0, after.frozenMs - before.frozenMs), elapsedMs)),
    rttMs: after.rttMs,
    width: after.width,
    height: after.height,
  };
}

/**
 * What a person notices decides: sound that breaks up first, then a picture that stands still, then delay.
 *
 * @param {Interval} interval
 * @returns {Level}
 */
export function grade({ lossPct, concealedPct, frozenPct, rttMs }) {
  const rtt = rttMs ?? 0;
  if (concealedPct > 10 || lossPct > 15 || frozenPct > 40 || rtt > 500) return 'poor';
  if (concealedPct > 3 || lossPct > 4 || frozenPct > 10 || rtt > 250) return 'fair';
  return 'good';
}

/** Keeps the word still while single intervals jump. */
export class Steady {
  /** @type {Level} */
  level = 'good';
  #streak = 0;

  /**
   * @param {Level} next
   * @returns {Level}
   */
  take(next) {
    const difference = ORDER.indexOf(next) - ORDER.indexOf(this.level);
    if (difference === 0) {
      this.#streak = 0;
      return this.level;
    }
    this.#streak = Math.sign(this.#streak) === Math.sign(difference) ? this.#streak + Math.sign(difference) : Math.sign(difference);
    if (this.#streak >= WORSE_AFTER || this.#streak <= -BETTER_AFTER) {
      this.level = next;
      this.#streak = 0;
    }
    return this.level;
  }
}

/**
 * @param {number} part
 * @param {number} whole
 */
function percent(part, whole) {
  return whole <= 0 ? 0 : (100 * part) / whole;
}
