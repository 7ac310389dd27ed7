// The table of topics: one line for each pattern (the topic's name under all publishers), which opens.

import { byId, h, one, setText } from './dom.js';
import { fixed, rate, whole } from './format.js';

/** Columns: title, class, explanation. @type {[string, string, string][]} */
const COLUMNS = [
  ['Path', 'l', 'The name of the publisher and that of the topic'], ['Intent', 'l hide-s', 'How updates travel'], ['Publishers', 'hide-s', ''],
  ['Rate/s', '', 'Updates per second'], ['Jitter ms', 'hide-s', 'Mean deviation of arrivals from a steady rhythm'], ['Bytes', 'hide-s', 'Of an update, on average'],
  ['Age ms', '', 'How old the latest update was when the hub passed it on; of topics with a stamp'], ['Idle ms', 'hide-s', 'Time since the latest update'],
  ['Subs', '', 'Subscribers'], ['Held back %', 'hide-s', 'Share of deliveries that the maximum rate of a subscription held back'],
];
const MOST = 200; // rows of an open pattern

/**
 * @typedef {object} Topic
 * @property {number} id
 * @property {string} path
 * @property {string} publisher
 * @property {string} name
 * @property {string} intent
 * @property {number} rate
 * @property {number | null} jitter
 * @property {number | null} size
 * @property {number | null} age
 * @property {number | null} idle
 * @property {number} subs
 * @property {number | null} conflated
 * @property {boolean} live
 */

export class Topics {
  constructor() {
    /** @type {Map<number, Topic>} */
    this.all = new Map();
    this.open = '';
    /** @type {{tr: HTMLElement, cells: HTMLElement[], button: HTMLElement}[]} */
    this.rows = [];
    this.drawn = 0;
    this.body = one('#topics tbody');
    one('#topics thead tr').append(...COLUMNS.map(([t, c, why]) => h('th', { scope: 'col', class: c, title: why || null }, t)));
    this.body.addEventListener('click', (e) => {
      const name = /** @type {HTMLElement} */ (e.target).closest('tr')?.dataset.name;
      if (name === undefined) return;
      this.open = this.open === name ? '' : name;
      this.draw();
    });
  }

  clear() {
    this.all.clear();
  }

  /**
   * @param {any[][]} rows
   * @param {boolean} draw
   */
  update(rows, draw) {
    for (const r of rows) {
      if (r.length === 1) {
        this.all.delete(r[0]);
        continue;
      }
      this.all.set(r[0], { id: r[0], path: r[1], publisher: r[2], name: r[1].slice(r[2].length + 1), intent: r[3], rate: r[4], jitter: r[5], size: r[6], idle: r[7], subs: r[8], conflated: r[9], live: r[10] === 1, age: r[11] });
    }
    const now = performance.now();
    if (draw && now - this.drawn > 900) {
      this.drawn = now;
      this.draw();
    }
  }

  draw() {
    /** @type {Map<string, Topic[]>} */
    const groups = new Map();
    for (const t of this.all.values()) {
      const g = groups.get(t.name);
      if (g) g.push(t);
      else groups.set(t.name, [t]);
    }
    const list = [...groups].map(([name, topics]) => ({ name, topics, ...sums(topics) })).sort((a, b) => b.rate - a.rate || (a.name < b.name ? -1 : 1));
    let n = 0;
    for (const g of list) {
      const single = g.topics.length === 1;
      this.fill(n++, single ? g.topics[0].path : `*/${g.name}`, g.topics[0].intent, g.topics.length, g, single ? undefined : g.name, false);
      if (single || g.name !== this.open) continue;
      const each = g.topics.sort((a, b) => (b.idle ?? 0) - (a.idle ?? 0)).slice(0, MOST);
      for (const t of each) this.fill(n++, t.path, t.live ? '' : 'away', 0, t, undefined, true);
    }
    while (this.rows.length > n) this.rows.pop()?.tr.remove();
    setText(byId('topic-note'), `${whole(this.all.size)} ${this.all.size === 1 ? 'path' : 'paths'} in ${groups.size} ${groups.size === 1 ? 'pattern' : 'patterns'}`);
  }

  /**
   * @param {number} at
   * @param {string} path
   * @param {string} intent
   * @param {number} publishers
   * @param {{rate: number, jitter: number | null, size: number | null, age: number | null, idle: number | null, subs: number, conflated: number | null}} t
   * @param {string | undefined} name
   * @param {boolean} inner
   */
  fill(at, path, intent, publishers, t, name, inner) {
    let r = this.rows[at];
    if (!r) {
      const button = h('button', { class: 'nameb', type: 'button' });
      const cells = COLUMNS.map(([, c]) => h('td', { class: c }));
      cells[0].append(button);
      r = { tr: h('tr', {}, ...cells), cells, button };
      this.rows.push(r);
      this.body.append(r.tr);
    }
    setText(r.button, path);
    r.tr.className = inner ? 'inner' : '';
    if (name === undefined) {
      delete r.tr.dataset.name;
      r.button.removeAttribute('aria-expanded');
      r.button.setAttribute('disabled', '');
    } else {
      r.tr.dataset.name = name;
      r.button.setAttribute('aria-expanded', String(this.open === name));
      r.button.removeAttribute('disabled');
    }
    const text = [null, intent, publishers ? whole(publishers) : '', rate(t.rate), t.rate ? fixed(t.jitter, 2) : '–', t.size === null ? '–' : whole(t.size), fixed(t.age, 1), t.idle === null ? '–' : t.idle < 10_000 ? whole(t.idle) : '>10 s', whole(t.subs), fixed(t.conflated, 0)];
    text.forEach((x, i) => {
      if (x !== null) setText(r.cells[i], x);
    });
  }
}

/** @param {Topic[]} topics */
function sums(topics) {
  let total = 0;
  let subs = 0;
  let [size, age, idle, jitter, conflated] = /** @type {(number | null)[]} */ ([null, null, null, null, null]);
  for (const t of topics) {
    total += t.rate;
    subs = Math.max(subs, t.subs);
    size = Math.max(size ?? 0, t.size ?? 0);
    if (t.age !== null && t.rate > 0) age = Math.max(age ?? 0, t.age);
    if (t.idle !== null && t.rate > 0) idle = Math.max(idle ?? 0, t.idle);
    if (t.jitter !== null) jitter = Math.max(jitter ?? 0, t.jitter);
    if (t.conflated !== null) conflated = Math.max(conflated ?? 0, t.conflated);
  }
  return { rate: total, subs, size, age, idle, jitter, conflated };
}
