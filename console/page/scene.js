// A drawing that is described anew for each update and changes only what differs, so that focus,
// hover and memory stay.

import { s } from './dom.js';

export class Scene {
  /** @param {SVGElement} root */
  constructor(root) {
    this.root = root;
    /** @type {Map<string, {e: SVGElement, attrs: Map<string, string>, text: string, seen: number}>} */
    this.parts = new Map();
    this.turn = 0;
  }

  begin() {
    this.turn++;
  }

  /**
   * Draws an element with a unique key into a parent.
   * @param {Element} parent
   * @param {string} tag
   * @param {string} key
   * @param {Record<string, string | number>} attrs
   * @param {string} [text]
   * @returns {SVGElement}
   */
  put(parent, tag, key, attrs, text) {
    let p = this.parts.get(key);
    if (!p) {
      p = { e: s(tag), attrs: new Map(), text: '', seen: 0 };
      this.parts.set(key, p);
    }
    if (p.e.parentNode !== parent) parent.append(p.e);
    p.seen = this.turn;
    for (const k in attrs) {
      const raw = attrs[k];
      const v = typeof raw === 'number' ? String(Math.round(raw * 10) / 10) : raw;
      if (p.attrs.get(k) !== v) {
        p.attrs.set(k, v);
        p.e.setAttribute(k, v);
      }
    }
    if (text !== undefined && p.text !== text) {
      p.text = text;
      p.e.textContent = text;
    }
    return p.e;
  }

  /** Removes what has not been drawn since begin. */
  end() {
    for (const [key, p] of this.parts) {
      if (p.seen !== this.turn) {
        p.e.remove();
        this.parts.delete(key);
      }
    }
  }
}
