// Events, newest first.

import { byId, h, one, setText } from './dom.js';
import { clock } from './format.js';

const MOST = 100;

export class Events {
  constructor() {
    this.list = one('#events ol');
    this.panics = 0;
  }

  clear() {
    this.list.replaceChildren();
  }

  /** @param {import('./types.js').Event[] | undefined} events */
  update(events) {
    if (!events) return;
    for (const e of events) {
      const tone = e.c ? `k ${e.c}` : 'k';
      this.list.prepend(h('li', {}, h('time', {}, clock(e.t)), h('span', { class: tone }, e.k), h('span', { title: e.x }, e.x)));
    }
    while (this.list.children.length > MOST) this.list.lastElementChild?.remove();
  }

  /** @param {number} panics */
  note(panics) {
    setText(byId('event-note'), panics === 1 ? '1 panic so far' : `${panics} panics so far`);
  }
}
