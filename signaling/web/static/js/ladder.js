// How long to wait before the next attempt to connect. Pure.

const RUNGS_MS = [250, 500, 1_000, 2_000, 4_000, 8_000];

/**
 * The wait before attempt number `attempt` (0 is the first retry): doubling up to 8 s, spread over half to one and a
 * half of it so that a restarted companion is not met by every page of the house in the same moment.
 *
 * @param {number} attempt
 * @param {number} chance - 0 to 1, from `Math.random()`
 */
export function delayMs(attempt, chance) {
  const rung = RUNGS_MS[Math.min(attempt, RUNGS_MS.length - 1)] ?? 0;
  return Math.round(rung * (0.5 + chance));
}
