// A call that is over: what became of it, for a moment.

import { byId, setText } from './dom.js';
import { icon } from './icons.js';

/** @param {import('../screen/ended.js').EndedScreen} screen */
export function renderEnded(screen) {
  const sign = byId('ended-icon', HTMLElement);
  if (sign.dataset.shown !== screen.icon) {
    sign.dataset.shown = screen.icon;
    sign.replaceChildren(icon(screen.icon));
  }
  sign.dataset.tone = screen.tone;
  setText(byId('ended-title', HTMLElement), screen.title);
  setText(byId('ended-text', HTMLElement), screen.text);
}
