// Names that people gave, of up to 64 characters, where there is room for two lines: what is too long loses its middle.
// Its end often is what tells it from its neighbour ("…, left side"). A screen reader still reads all of it.

import { make } from './dom.js';

const LINES = 2;
const LONG = 28;

/** @type {WeakMap<Element, {words: string, room: string}>} */
const shown = new WeakMap();
/** @type {ResizeObserver|null} */
let observer = null;

/**
 * @param {HTMLElement} element - with a line height of its own
 * @param {string} words
 */
export function setName(element, words) {
  if (shown.get(element)?.words === words) return;
  shown.set(element, { words, room: '' });
  element.dataset.long = String(words.length > LONG);
  element.textContent = words;
  observer ??= new ResizeObserver((entries) => entries.forEach(({ target }) => handleSize(target)));
  observer.observe(element);
  fit(element);
}

/** @param {Element} target */
function handleSize(target) {
  if (target instanceof HTMLElement && target.isConnected && !fit(target)) return;
  observer?.unobserve(target);
  // Its new height comes of its new words: told of it as well, the browser would call it a loop.
  requestAnimationFrame(() => {
    if (target.isConnected) observer?.observe(target);
  });
}

/**
 * @param {HTMLElement} element
 * @returns {boolean} whether it has more or less room than before
 */
function fit(element) {
  const name = shown.get(element);
  if (name === undefined || element.clientWidth === 0) return false;
  const room = `${element.clientWidth} ${getComputedStyle(element).fontSize}`;
  if (name.room === room) return false;
  name.room = room;
  element.textContent = name.words;
  if (!fits(element)) shorten(element, name.words);
  return true;
}

/**
 * @param {HTMLElement} element
 * @param {string} words
 */
function shorten(element, words) {
  // By characters: half of one is no text.
  const characters = [...words];
  let [fewest, most] = [1, characters.length - 2];
  while (fewest < most) {
    const middle = Math.floor((fewest + most) / 2);
    leaveOut(element, characters, middle);
    if (fits(element)) most = middle;
    else fewest = middle + 1;
  }
  leaveOut(element, characters, fewest);
}

/** @param {HTMLElement} element */
function fits(element) {
  return element.getBoundingClientRect().height < parseFloat(getComputedStyle(element).lineHeight) * (LINES + 0.5)
    && element.scrollWidth <= element.clientWidth;
}

/**
 * @param {HTMLElement} element
 * @param {string[]} characters
 * @param {number} count - of those in the middle
 */
function leaveOut(element, characters, count) {
  const from = Math.ceil((characters.length - count) / 2);
  const [head, tail] = [characters.slice(0, from).join(''), characters.slice(from + count).join('')];
  // A piece of a word says nothing, where words are short.
  const start = /^(.{6,})\s\S{0,9}$/u.exec(head)?.[1] ?? head.trimEnd();
  const end = /^\S{0,9}\s(.{6,})$/u.exec(tail)?.[1] ?? tail.trimStart();
  const words = characters.join('');
  element.replaceChildren(start, make('span', 'left-out', make('span', '', words.slice(start.length, words.length - end.length))), end);
}
