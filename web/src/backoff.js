// How long to wait before connecting again: exponential from 1 s to 30 s, with jitter over the upper half.

const FIRST_MS = 1000;
const LAST_MS = 30_000;

export class Backoff {
  /** @param {() => number} random a number from 0 up to 1 */
  constructor(random = Math.random) {
    this.random = random;
    this.attempts = 0;
  }

  /**
   * @param {number} atLeastMs what the hub asked for
   * @returns {number} the next wait in ms, 1 s to 30 s unless the hub asked for more
   */
  next(atLeastMs = 0) {
    const bound = Math.min(LAST_MS, FIRST_MS * 2 ** this.attempts);
    this.attempts = Math.min(this.attempts + 1, 10);
    return Math.max(FIRST_MS, bound / 2 + (bound / 2) * this.random(), atLeastMs);
  }

  reset() {
    this.attempts = 0;
  }
}
