// The page's own icons, drawn on a grid of 24 with round strokes of 1.8.

const SVG = 'http://www.w3.org/2000/svg';

/** A string is a stroked path; `fill:` in front of it fills it instead. */
const PATHS = {
  'answer': ['fill:M6.9 3.6c.8-.3 1.7.1 2 .9l1.2 2.9c.3.7.1 1.4-.4 1.9L8.4 10.5c1 2.2 2.9 4.1 5.1 5.1l1.2-1.3c.5-.5 1.2-.7 1.9-.4l2.9 1.2c.8.3 1.2 1.2.9 2-.6 1.9-2.2 3.2-4.2 3.1C9.7 19.9 4.1 14.3 3.8 7.8c-.1-2 1.2-3.6 3.1-4.2z'],
  'hang-up': ['fill:M12 8.6c-3.9 0-7.4 1.4-9.4 3.6-1.3 1.4-1.1 3.4.1 4.7.6.6 1.5.6 2.2.1l2.3-1.7c.6-.4.8-1.1.7-1.8l-.3-1.5a13.5 13.5 0 0 1 8.8 0l-.3 1.5c-.1.7.1 1.4.7 1.8l2.3 1.7c.7.5 1.6.5 2.2-.1 1.2-1.3 1.4-3.3.1-4.7-2-2.2-5.5-3.6-9.4-3.6z'],
  'microphone': ['M12 3.5a3 3 0 0 0-3 3v5a3 3 0 0 0 6 0v-5a3 3 0 0 0-3-3z', 'M5.8 11.3a6.2 6.2 0 0 0 12.4 0', 'M12 17.5v3'],
  'microphone-off': ['M9 9.5v2a3 3 0 0 0 4.7 2.5M15 10.7V6.5a3 3 0 0 0-5.7-1.3', 'M5.8 11.3a6.2 6.2 0 0 0 9.8 5M18.2 11.3c0 .9-.2 1.7-.5 2.5', 'M12 17.5v3', 'M4 3.5l16 17'],
  'volume': ['M4 9.7v4.6h3.2l4.3 3.7V6L7.2 9.7z', 'M15 9.2a4 4 0 0 1 0 5.6', 'M17.7 6.7a7.5 7.5 0 0 1 0 10.6'],
  'bell': ['M6.3 16.5c.9-1.1 1.2-2.4 1.2-4.2 0-3.2 1.8-5.3 4.5-5.3s4.5 2.1 4.5 5.3c0 1.8.3 3.1 1.2 4.2z', 'M12 7V4.8', 'M10.3 19.3c.9.9 2.5.9 3.4 0'],
  'notify': ['M4.5 6.5a2 2 0 0 1 2-2h11a2 2 0 0 1 2 2v8a2 2 0 0 1-2 2h-5.2L8 20v-3.5H6.5a2 2 0 0 1-2-2z', 'M8.5 9h7M8.5 12.3h4.5'],
  'eye': ['M2.8 12c2-3.9 5.3-6 9.2-6s7.2 2.1 9.2 6c-2 3.9-5.3 6-9.2 6s-7.2-2.1-9.2-6z', 'M12 9.2a2.8 2.8 0 1 0 0 5.6 2.8 2.8 0 0 0 0-5.6z'],
  'info': ['M12 3.8a8.2 8.2 0 1 0 0 16.4 8.2 8.2 0 0 0 0-16.4z', 'M12 11.2v5', 'M12 7.9v.1'],
  'close': ['M6 6l12 12M18 6L6 18'],
  'check': ['M5 12.8l4.5 4.5L19 7.5'],
  'warn': ['M12 4.3l8.7 15H3.3z', 'M12 10v4.2', 'M12 16.8v.1'],
  'missed': ['M5 5.5l7 6.7 7-6.7', 'M5 5.5v5M5 5.5h5', 'fill:M12 15.3c-3 0-5.6.9-7.2 2.3-.6.6-.6 1.5 0 2.1.5.5 1.3.5 1.9.1l1.3-.9c.4-.3.6-.8.5-1.3 1.1-.3 2.3-.5 3.5-.5s2.4.2 3.5.5c-.1.5.1 1 .5 1.3l1.3.9c.6.4 1.4.4 1.9-.1.6-.6.6-1.5 0-2.1-1.6-1.4-4.2-2.3-7.2-2.3z'],
  'elsewhere': ['M4 6.5a1.5 1.5 0 0 1 1.5-1.5h9A1.5 1.5 0 0 1 16 6.5V8M4 6.5v8A1.5 1.5 0 0 0 5.5 16H11', 'M14 12a1.5 1.5 0 0 1 1.5-1.5h3A1.5 1.5 0 0 1 20 12v6a1.5 1.5 0 0 1-1.5 1.5h-3A1.5 1.5 0 0 1 14 18z'],
  'screen': ['M5.5 4h13A1.5 1.5 0 0 1 20 5.5v9a1.5 1.5 0 0 1-1.5 1.5h-13A1.5 1.5 0 0 1 4 14.5v-9A1.5 1.5 0 0 1 5.5 4z', 'M9 20h6M12 16v4'],
  'lock': ['M6 11.5a1.5 1.5 0 0 1 1.5-1.5h9a1.5 1.5 0 0 1 1.5 1.5v6.5a1.5 1.5 0 0 1-1.5 1.5h-9A1.5 1.5 0 0 1 6 18z', 'M8.5 10V7.5a3.5 3.5 0 0 1 7 0V10'],
  'unlock': ['M6 11.5a1.5 1.5 0 0 1 1.5-1.5h9a1.5 1.5 0 0 1 1.5 1.5v6.5a1.5 1.5 0 0 1-1.5 1.5h-9A1.5 1.5 0 0 1 6 18z', 'M8.5 10V7a3.5 3.5 0 0 1 6.7-1.4'],
  'fill': ['M4.5 9V4.5H9M15 4.5h4.5V9M19.5 15v4.5H15M9 19.5H4.5V15'],
  'fit': ['M9 4.5V9H4.5M19.5 9H15V4.5M15 19.5V15h4.5M4.5 15H9v4.5'],
  'brand': ['fill:M5 21V11a7 7 0 0 1 14 0v10h-3V11a4 4 0 0 0-8 0v10z', 'fill:M12 12.3a1.7 1.7 0 1 0 0 3.4 1.7 1.7 0 0 0 0-3.4z'],
};

/** @typedef {keyof typeof PATHS | 'arch'} IconName */

/**
 * A decoration: what it means has to be said in words beside it.
 *
 * @param {IconName} name
 * @returns {SVGSVGElement}
 */
export function icon(name) {
  if (name === 'arch') return arch();
  const svg = shape('svg', { 'class': 'icon', 'viewBox': '0 0 24 24', 'aria-hidden': 'true', 'focusable': 'false' });
  for (const drawing of PATHS[name]) {
    const filled = drawing.startsWith('fill:');
    svg.append(shape('path', {
      'd': filled ? drawing.slice(5) : drawing,
      'class': filled ? 'filled' : 'stroked',
    }));
  }
  return svg;
}

/** Doorway's picture: a house door under an arch with a lamp above it. What it shows is up to the style sheet. */
function arch() {
  const svg = shape('svg', { 'class': 'arch', 'viewBox': '0 0 96 120', 'aria-hidden': 'true', 'focusable': 'false' });
  svg.append(
    shape('path', { 'class': 'arch-wall', 'd': 'M4 116V48a44 44 0 0 1 88 0v68a4 4 0 0 1-4 4H8a4 4 0 0 1-4-4z' }),
    shape('circle', { 'class': 'arch-glow', 'cx': '48', 'cy': '27', 'r': '19' }),
    shape('path', { 'class': 'arch-room', 'd': 'M25 120V68a23 23 0 0 1 46 0v52z' }),
    shape('path', { 'class': 'arch-door', 'd': 'M25 120V68a23 23 0 0 1 46 0v52z' }),
    shape('path', { 'class': 'arch-panel', 'd': 'M34 84V68.5a14 14 0 0 1 28 0V84z' }),
    shape('rect', { 'class': 'arch-panel', 'x': '34', 'y': '91', 'width': '28', 'height': '21', 'rx': '3' }),
    shape('circle', { 'class': 'arch-knob', 'cx': '64.5', 'cy': '88', 'r': '2.4' }),
    shape('circle', { 'class': 'arch-lamp', 'cx': '48', 'cy': '27', 'r': '5.5' }),
  );
  return svg;
}

/**
 * @template {keyof SVGElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, string>} attributes
 * @returns {SVGElementTagNameMap[K]}
 */
export function shape(tag, attributes) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}
