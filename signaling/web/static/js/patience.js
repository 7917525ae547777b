// Gives up what takes too long, as `AbortSignal.timeout` does in browsers that have it.

/**
 * @template T
 * @param {number} ms
 * @param {(signal: AbortSignal) => Promise<T>} ask
 */
export async function patiently(ms, ask) {
  const patience = new AbortController();
  const timer = setTimeout(() => patience.abort(), ms);
  try {
    return await ask(patience.signal);
  } finally {
    clearTimeout(timer);
  }
}
