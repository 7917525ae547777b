// Small helpers for the page's elements.

import { isKey, language, text } from '../strings.js';
import { icon } from './icons.js';

const ANNOUNCE_MS = 100;
let announcing = 0;

/**
 * The element with this id, which the page's HTML has.
 *
 * @template {Element} T
 * @param {string} id
 * @param {new () => T} type
 * @returns {T}
 */
export function byId(id, type) {
  const element = document.getElementById(id);
  if (!(element instanceof type)) throw new Error(`the page has no #${id} of type ${type.name}`);
  return element;
}

/**
 * The part of an element that its maker gave it.
 *
 * @param {Element} element
 * @param {string} selector
 * @returns {Element}
 */
export function part(element, selector) {
  const found = element.querySelector(selector);
  if (found === null) throw new Error(`no part '${selector}'`);
  return found;
}

/**
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {string} className
 * @param {...(Node|string)} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function make(tag, className, ...children) {
  const element = document.createElement(tag);
  if (className !== '') element.className = className;
  element.append(...children);
  return element;
}

/**
 * Writes only what is new: a live region that is written again is read out again.
 *
 * @param {Element} element
 * @param {string} words
 */
export function setText(element, words) {
  if (element.textContent !== words) element.textContent = words;
}

/**
 * @param {Element} element
 * @param {string} name
 * @param {string|null} value
 */
export function setAttribute(element, name, value) {
  if (value === null) element.removeAttribute(name);
  else if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

/**
 * An element's icon and, for people who see it, its words.
 *
 * @param {HTMLElement} element
 * @param {import('./icons.js').IconName} name
 * @param {string} label
 */
export function setIcon(element, name, label) {
  if (element.dataset.shown !== name) {
    element.dataset.shown = name;
    element.replaceChildren(icon(name));
  }
  setAttribute(element, 'aria-label', label);
  setAttribute(element, 'title', label);
}

/** Fills in the words and icons that the HTML names. */
export function translate() {
  document.documentElement.lang = language;
  document.title = text('page.title');
  for (const element of document.querySelectorAll('[data-text]')) {
    element.textContent = text(keyOf(element, 'data-text'));
  }
  for (const element of document.querySelectorAll('[data-label]')) {
    element.setAttribute('aria-label', text(keyOf(element, 'data-label')));
  }
  for (const element of document.querySelectorAll('[data-icon]')) {
    element.replaceChildren(icon(/** @type {import('./icons.js').IconName} */ (element.getAttribute('data-icon'))));
  }
}

/** The page is there: until it says so, it counts as one that this browser can't run (`too-old.js`). */
export function started() {
  document.body.dataset.started = '';
}

/** The page was told how things are: what it shows from now on stays where it is. */
export function told() {
  document.body.dataset.told = '';
}

/**
 * Has a screen reader read out at once, the same words once more, too: it passes over what has not changed for a moment.
 *
 * @param {string} words
 */
export function announce(words) {
  clearTimeout(announcing);
  setText(byId('announce', HTMLElement), '');
  if (words !== '') announcing = setTimeout(() => setText(byId('announce', HTMLElement), words), ANNOUNCE_MS);
}

/**
 * @param {Element} element
 * @param {string} attribute
 */
function keyOf(element, attribute) {
  const key = element.getAttribute(attribute) ?? '';
  if (!isKey(key)) throw new Error(`the page names the text '${key}', which there is not`);
  return key;
}
