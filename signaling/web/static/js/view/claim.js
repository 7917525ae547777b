// The first screen of a station that nobody has set up: its name, and the secret of the household.

import { claim, claimState, problemOf, suggestSecret } from '../claim.js';
import { text } from '../strings.js';
import { byId, setText } from './dom.js';

/** How often is looked whether somebody has pressed the station's button. */
const LOOK_MS = 3_000;

/**
 * @typedef {object} ClaimActions
 * @property {(secret: string) => void} claimed - the station is set up, and lets in who knows this
 * @property {() => void} tryAgain - somebody else set it up, or it may be reached again
 */

export class ClaimView {
  #actions;
  #form = byId('claim', HTMLFormElement);
  #name = byId('claim-name', HTMLInputElement);
  #secret = byId('claim-secret', HTMLInputElement);
  #problem = byId('claim-problem', HTMLElement);
  #send = byId('claim-send', HTMLButtonElement);
  #late = byId('claim-late', HTMLElement);
  #press = byId('claim-press', HTMLElement);
  #shown = false;

  /** @param {ClaimActions} actions */
  constructor(actions) {
    this.#actions = actions;
    this.#name.placeholder = text('claim.name.example');
    byId('claim-suggest', HTMLButtonElement).addEventListener('click', () => {
      this.#secret.value = suggestSecret();
      this.#tell('');
      this.#secret.focus();
      this.#secret.select();
    });
    byId('claim-again', HTMLButtonElement).addEventListener('click', () => actions.tryAgain());
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault();
      void this.#submit();
    });
    for (const field of [this.#name, this.#secret]) field.addEventListener('input', () => this.#tell(''));
  }

  /** @param {boolean} unclaimed - whether nobody has set up the station */
  render(unclaimed) {
    document.body.dataset.setup = unclaimed ? 'needed' : 'done';
    if (unclaimed === this.#shown) return;
    this.#shown = unclaimed;
    if (unclaimed) void this.#look();
    else this.#show(null);
  }

  async #look() {
    const state = await claimState();
    if (!this.#shown) return;
    if (state === 'done' || state === 'unreachable') {
      // Whoever set it up, or whatever keeps it from answering: the companion tells more.
      this.#shown = false;
      setTimeout(() => this.#actions.tryAgain(), 2_000);
      return;
    }
    this.#show(state);
    // Whoever presses the button stands at the door, and not here.
    if (state === 'press') setTimeout(() => { if (this.#shown) void this.#look(); }, LOOK_MS);
  }

  /** @param {'open'|'late'|'press'|null} state */
  #show(state) {
    this.#form.hidden = state !== 'open';
    this.#late.hidden = state !== 'late';
    this.#press.hidden = state !== 'press';
    if (state === 'open') this.#name.focus();
    if (state !== 'open') this.#secret.value = '';
  }

  async #submit() {
    const [name, secret] = [this.#name.value.trim(), this.#secret.value.trim()];
    const wrong = problemOf(name, secret);
    if (wrong !== null) {
      this.#tell(text(`claim.problem.${wrong}`));
      (wrong === 'name' ? this.#name : this.#secret).focus();
      return;
    }
    this.#send.disabled = true;
    const problem = await claim(name, secret);
    this.#send.disabled = false;
    if (problem === null) {
      this.#actions.claimed(secret);
      return;
    }
    if (problem === 'late') this.#show('late');
    else if (problem === 'press') void this.#look();
    else if (problem === 'done') this.#actions.tryAgain();
    this.#tell(text(`claim.problem.${problem}`));
  }

  /** @param {string} words */
  #tell(words) {
    setText(this.#problem, words);
    this.#problem.hidden = words === '';
  }
}
