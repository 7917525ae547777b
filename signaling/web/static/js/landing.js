// What the page over plain HTTP finds out: where this station is over HTTPS, and whether this browser trusts it there.

/**
 * What the companion tells of the certificate (`/certificate.json`).
 *
 * @typedef {object} About
 * @property {string} fingerprint - SHA-256, as devices show it
 * @property {string} words - its start, to be compared by people
 * @property {string[]} vouches_for - names and addresses
 * @property {number} until - seconds since 1970
 * @property {string[]} hosts - where HTTPS is, the most lasting first
 * @property {number} port
 */

/**
 * Where the station may be over HTTPS, the best first: as this browser came here, if the certificate has that name or
 * address. A router's own name for the station is one that it can't have.
 *
 * @param {string} host - as `location.hostname`
 * @param {About} about
 * @returns {string[]} origins
 */
export function origins(host, about) {
  const port = about.port === 443 ? '' : `:${about.port}`;
  const here = about.vouches_for.includes(host.replace(/^\[|\]$/g, '')) ? [host] : [];
  return [...new Set([...here, ...about.hosts])].map((found) => `https://${found}${port}`);
}

/**
 * The first of these that is trusted. All are asked at once, so that a name that nobody answers to costs no time.
 *
 * @param {string[]} candidates - origins
 * @param {(origin: string) => Promise<boolean>} isTrusted
 * @returns {Promise<string|null>}
 */
export async function firstTrusted(candidates, isTrusted) {
  const answers = candidates.map((origin) => ({ origin, trusted: isTrusted(origin) }));
  for (const { origin, trusted } of answers) if (await trusted) return origin;
  return null;
}
