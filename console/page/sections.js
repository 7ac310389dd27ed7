// Tables that the program adds to the page. Each message with sections has all of them.

import { byId, h, setText } from './dom.js';

/** @typedef {import('./types.js').Section} Section */

const NARROW = 3; // columns of a table that takes half of a wide screen at most
const NUMBER = /^(–|[+-]?[\d,]+(\.\d+)?( ?[a-zµ%/]+)?)?$/;

export class Sections {
  constructor() {
    /** @type {{title: string, root: HTMLElement, warning: HTMLElement, note: HTMLElement, head: HTMLElement, body: HTMLElement, none: HTMLElement}[]} */
    this.parts = [];
  }

  clear() {
    for (const p of this.parts) p.root.remove();
    this.parts = [];
  }

  /** @param {Section[] | undefined} list */
  update(list) {
    if (!list) return;
    if (list.length !== this.parts.length || list.some((s, i) => s.title !== this.parts[i].title)) {
      this.clear();
      this.parts = list.map((s, i) => this.add(s, i));
    }
    list.forEach((s, i) => {
      const p = this.parts[i];
      setText(p.note, s.note ?? '');
      setText(p.warning, s.warning ?? '');
      p.warning.hidden = !s.warning;
      p.none.hidden = s.rows.length > 0;
      p.root.classList.toggle('narrow', s.columns.length <= NARROW);
      const left = s.columns.map((_, j) => j === 0 || s.rows.some((r) => !NUMBER.test(r[j] ?? '')));
      fill(p.head, 'th', [s.columns], left);
      fill(p.body, 'td', s.rows.map((r) => s.columns.map((_, j) => r[j] ?? '')), left);
    });
  }

  /**
   * @param {Section} s
   * @param {number} i
   */
  add(s, i) {
    const warning = h('span', { class: 'alarm' });
    const note = h('span', { class: 'note' });
    const head = h('thead');
    const body = h('tbody');
    const none = h('p', { class: 'none' }, 'None');
    const root = h('section', { class: 'more', 'aria-labelledby': `h-more-${i}` },
      h('div', { class: 'sec' }, h('h2', { id: `h-more-${i}` }, s.title), warning, note),
      h('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': `${s.title}, scrollable` }, h('table', {}, head, body), none));
    byId('more').append(root);
    return { title: s.title, root, warning, note, head, body, none };
  }
}

/**
 * Makes the rows of a part of a table those of texts.
 * @param {HTMLElement} part
 * @param {string} tag
 * @param {string[][]} texts
 * @param {boolean[]} left which columns are left-aligned
 */
function fill(part, tag, texts, left) {
  while (part.children.length > texts.length) part.lastElementChild?.remove();
  texts.forEach((row, y) => {
    const tr = part.children[y] ?? part.appendChild(h('tr'));
    while (tr.children.length > row.length) tr.lastElementChild?.remove();
    row.forEach((text, x) => {
      const cell = tr.children[x] ?? tr.appendChild(h(tag, tag === 'th' ? { scope: 'col' } : {}));
      setText(cell, text);
      cell.classList.toggle('l', left[x]);
    });
  });
}
