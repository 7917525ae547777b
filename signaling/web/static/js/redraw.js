// When the page is drawn: in a turn of its own, once for all that has changed.

/** Drawing waits this long at most for an offer to be answered. */
const ANSWER_FIRST_MS = 60;

export class Redraw {
  #draw;
  #scheduled = false;
  /** How many offers are being answered. */
  #answering = 0;
  #timer = 0;

  /** @param {() => number} draw - tells after how many ms at the latest it wants to be called again */
  constructor(draw) {
    this.#draw = draw;
  }

  now() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.soon(), this.#draw());
  }

  soon() {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setTimeout(() => {
      this.#scheduled = false;
      if (this.#answering === 0) this.now();
    }, 0);
  }

  /**
   * Draws only when the station has its answer: a whole view takes longer to draw than an offer to be answered, and the
   * picture would come that much later.
   *
   * @param {Promise<unknown>} answered
   */
  after(answered) {
    this.#answering += 1;
    const late = new Promise((resolve) => {
      setTimeout(resolve, ANSWER_FIRST_MS);
    });
    const draw = () => {
      this.#answering -= 1;
      this.soon();
    };
    Promise.race([answered, late]).then(draw, draw);
  }
}
