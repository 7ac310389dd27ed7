// Elements without HTML from text: the Content-Security-Policy allows none.

const SVG = 'http://www.w3.org/2000/svg';

/**
 * Returns the element with the given id.
 * @param {string} id
 * @returns {HTMLElement}
 */
export function byId(id) {
  const e = document.getElementById(id);
  if (!e) throw new Error(`no element ${id}`);
  return e;
}

/**
 * Returns the first match of a selector.
 * @param {string} selector
 * @param {ParentNode} [root]
 * @returns {HTMLElement}
 */
export function one(selector, root = document) {
  const e = root.querySelector(selector);
  if (!e) throw new Error(`no element ${selector}`);
  return /** @type {HTMLElement} */ (e);
}

/**
 * Makes an HTML element. Attributes that are null are left out.
 * @param {string} tag
 * @param {Record<string, string | number | null>} [attrs]
 * @param {...(Node | string)} children
 * @returns {HTMLElement}
 */
export function h(tag, attrs = {}, ...children) {
  const e = document.createElement(tag);
  setAttrs(e, attrs);
  e.append(...children);
  return e;
}

/**
 * Makes an SVG element.
 * @param {string} tag
 * @param {Record<string, string | number | null>} [attrs]
 * @param {...(Node | string)} children
 * @returns {SVGElement}
 */
export function s(tag, attrs = {}, ...children) {
  const e = document.createElementNS(SVG, tag);
  setAttrs(e, attrs);
  e.append(...children);
  return /** @type {SVGElement} */ (e);
}

/**
 * @param {Element} e
 * @param {Record<string, string | number | null>} attrs
 */
export function setAttrs(e, attrs) {
  for (const [k, v] of Object.entries(attrs)) if (v !== null) e.setAttribute(k, String(v));
}

/**
 * Sets the text of an element, if it differs. Most numbers of a frame are as before.
 * @param {Element} e
 * @param {string} text
 */
export function setText(e, text) {
  if (e.textContent !== text) e.textContent = text;
}

/**
 * Replaces the content of an element by text in which words between asterisks are emphasised.
 * @param {Element} e
 * @param {string} text
 * @param {string} [tag]
 */
export function setMarked(e, text, tag = 'em') {
  if (e.getAttribute('data-text') === text) return;
  e.setAttribute('data-text', text);
  // A unit stays with its number.
  text = text.replace(/(\d) (s|ms|%|min)(?![a-z])/g, '$1\u00a0$2');
  e.replaceChildren(...text.split('*').map((part, i) => (i % 2 ? h(tag, {}, part) : part)));
}

/**
 * Returns the 2D context of a canvas of the given size in CSS pixels.
 * @param {HTMLCanvasElement} canvas
 * @param {number} width
 * @param {number} height
 * @returns {CanvasRenderingContext2D}
 */
export function paint(canvas, width, height) {
  const ratio = devicePixelRatio || 1;
  const w = Math.max(1, Math.round(width * ratio));
  const hh = Math.max(1, Math.round(height * ratio));
  if (canvas.width !== w || canvas.height !== hh) {
    canvas.width = w;
    canvas.height = hh;
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
  }
  const c = canvas.getContext('2d');
  if (!c) throw new Error('no 2D canvas');
  c.setTransform(ratio, 0, 0, ratio, 0, 0);
  c.clearRect(0, 0, width, height);
  return c;
}

/** @type {Map<string, string>} */
const colours = new Map();

/**
 * Returns the value of a colour of the style sheet in the present theme.
 * @param {string} name
 */
export function colour(name) {
  let v = colours.get(name);
  if (v === undefined) {
    v = getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
    colours.set(name, v);
  }
  return v;
}

/** Forgets colours when the theme changes. */
export function forgetColours() {
  colours.clear();
}
