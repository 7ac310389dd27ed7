// The table of peers: thousands of rows, of which only the visible ones exist.

import { byId, h, one, s, setText } from './dom.js';
import { duration, fixed, rate, whole, words } from './format.js';
import { linePath } from './charts.js';

const POINTS = 30; // of a sparkline
const EXTRA = 10; // rows above and below the visible ones
const STEP = 2000; // between two points, in ms

/** Columns: key, title, class, value for sorting. @type {[string, string, string][]} */
const COLUMNS = [
  ['name', 'Name', 'l'], ['addr', 'Address', 'l hide-s hide-m'], ['spark', 'RTT, last minute', 'l'], ['rtt', 'RTT ms', ''], ['rate', 'Packets/s', 'hide-s'], ['loss', 'Loss %', 'hide-s'],
  ['queue', 'Queue', 'hide-s'], ['drops', 'Drops/s', ''], ['mtu', 'MTU', 'hide-s'], ['restarts', 'Restarts', 'hide-s'],
];

/** Numeric columns and their place in a message of the server. */
const NUMBERS = /** @type {const} */ ({ level: 3, rtt: 4, in: 5, out: 6, loss: 7, queue: 8, drops: 9, mtu: 10, restarts: 11, total: 12 });

export class Peers {
  /** @param {(name: string) => void} onSelect */
  constructor(onSelect) {
    this.onSelect = onSelect;
    this.count = 0;
    this.size = 0;
    /** @type {string[]} */
    this.names = [];
    /** @type {string[]} */
    this.addrs = [];
    /** @type {Record<string, Float64Array>} */
    this.cols = {};
    this.ids = new Uint32Array(0);
    this.order = new Uint32Array(0);
    this.history = new Float32Array(0);
    this.grow(256);
    /** @type {Map<number, number>} */
    this.place = new Map();
    this.column = 0;
    this.stepAt = 0;
    this.shown = 0;
    this.sortKey = 'level';
    this.sortDir = -1;
    this.query = '';
    this.selected = -1; // id
    this.dirty = true;
    this.sortedAt = 0;
    this.box = one('#peers .scroll');
    this.body = one('#peers tbody');
    /** @type {ReturnType<Peers['newRow']>[]} */
    this.rows = [];
    this.above = h('tr', { 'aria-hidden': 'true' }, h('td', { colspan: COLUMNS.length }));
    this.below = h('tr', { 'aria-hidden': 'true' }, h('td', { colspan: COLUMNS.length }));
    this.above.className = this.below.className = 'pad';
    this.body.append(this.above, this.below);
    this.detailAt = 0;
    /** @type {any} */
    this.before = null;
    this.wire();
  }

  wire() {
    const head = one('#peers thead tr');
    for (const [key, title, cls] of COLUMNS) {
      const th = h('th', { scope: 'col', class: cls, 'data-key': key }, key === 'spark' ? title : h('button', { 'data-key': key, type: 'button' }, title));
      head.append(th);
    }
    head.addEventListener('click', (e) => {
      const key = /** @type {HTMLElement} */ (e.target).dataset.key;
      if (!key || key === 'spark') return;
      this.sortDir = this.sortKey === key ? -this.sortDir : key === 'name' || key === 'addr' ? 1 : -1;
      this.sortKey = key;
      this.resort();
    });
    /** @type {HTMLInputElement} */ (one('#peers .find')).addEventListener('input', (e) => {
      this.query = /** @type {HTMLInputElement} */ (e.target).value.trim().toLowerCase();
      this.resort();
    });
    this.box.addEventListener('scroll', () => this.draw());
    this.body.addEventListener('click', (e) => {
      const tr = /** @type {HTMLElement} */ (e.target).closest('tr.p');
      if (tr) this.select(Number(tr.getAttribute('data-id')));
    });
    this.body.addEventListener('keydown', (e) => {
      const step = /** @type {Record<string, number>} */ ({ ArrowDown: 1, ArrowUp: -1 })[e.key];
      const tr = /** @type {HTMLElement} */ (e.target).closest('tr.p');
      if (!step || !tr) return;
      e.preventDefault();
      const at = Number(tr.getAttribute('aria-rowindex')) - 2 + step;
      if (at < 0 || at >= this.shown) return;
      const hgt = this.rowHeight();
      if (at * hgt < this.box.scrollTop) this.box.scrollTop = at * hgt;
      if ((at + 2) * hgt > this.box.scrollTop + this.box.clientHeight) this.box.scrollTop = (at + 2) * hgt - this.box.clientHeight;
      this.draw();
      const row = this.rows.find((r) => r.at === at);
      if (row) row.button.focus();
    });
    byId('show').addEventListener('click', () => this.reveal(byId('show').dataset.peer ?? ''));
    setInterval(() => this.refreshDetail(), 1000);
  }

  /** @param {number} size */
  grow(size) {
    const history = new Float32Array(size * POINTS).fill(NaN);
    history.set(this.history);
    this.history = history;
    const ids = new Uint32Array(size);
    ids.set(this.ids);
    this.ids = ids;
    for (const k of Object.keys(NUMBERS)) {
      const c = new Float64Array(size);
      if (this.cols[k]) c.set(this.cols[k]);
      this.cols[k] = c;
    }
    this.order = new Uint32Array(size);
    this.size = size;
  }

  clear() {
    this.count = 0;
    this.place.clear();
    this.names = [];
    this.addrs = [];
    this.history.fill(NaN);
    this.dirty = true;
  }

  /**
   * Takes the changed rows of a message.
   * @param {any[][]} rows
   * @param {number} now ms
   */
  update(rows, now) {
    for (const row of rows) {
      let at = this.place.get(row[0]);
      if (row.length === 1) {
        if (at !== undefined) this.remove(row[0], at);
        continue;
      }
      if (at === undefined) {
        if (this.count === this.size) this.grow(this.size * 2);
        at = this.count++;
        this.place.set(row[0], at);
        this.ids[at] = row[0];
        this.history.fill(NaN, at * POINTS, (at + 1) * POINTS);
        this.dirty = true;
      }
      this.names[at] = row[1];
      this.addrs[at] = row[2];
      for (const [k, i] of Object.entries(NUMBERS)) this.cols[k][at] = row[i];
    }
    if (now - this.stepAt >= STEP) this.step(now);
  }

  /**
   * @param {number} id
   * @param {number} at
   */
  remove(id, at) {
    const last = --this.count;
    this.place.delete(id);
    if (at !== last) {
      this.names[at] = this.names[last];
      this.addrs[at] = this.addrs[last];
      this.ids[at] = this.ids[last];
      for (const k of Object.keys(NUMBERS)) this.cols[k][at] = this.cols[k][last];
      this.history.copyWithin(at * POINTS, last * POINTS, (last + 1) * POINTS);
      this.place.set(this.ids[at], at);
    }
    this.names.length = this.addrs.length = last;
    this.dirty = true;
  }

  /** @param {number} now */
  step(now) {
    this.stepAt = now;
    this.column = (this.column + 1) % POINTS;
    const { rtt, level } = this.cols;
    for (let i = 0; i < this.count; i++) this.history[i * POINTS + this.column] = rtt[i] > 0 && level[i] < 2 ? rtt[i] : NaN;
  }

  rowHeight() {
    return innerWidth < 720 ? 36 : 28;
  }

  resort() {
    this.sort();
    this.box.scrollTop = 0;
    this.draw();
  }

  /** Sorts and filters. The order is kept while a pointer or the focus is in the table. */
  sort() {
    let n = 0;
    for (let i = 0; i < this.count; i++) {
      if (!this.query || this.names[i].toLowerCase().includes(this.query) || this.addrs[i].includes(this.query)) this.order[n++] = i;
    }
    this.shown = n;
    const dir = this.sortDir;
    const byName = (/** @type {number} */ a, /** @type {number} */ b) => (this.names[a] < this.names[b] ? -1 : this.names[a] > this.names[b] ? 1 : 0);
    const list = this.order.subarray(0, n);
    if (this.sortKey === 'name') list.sort((a, b) => dir * byName(a, b));
    else if (this.sortKey === 'addr') list.sort((a, b) => (this.addrs[a] < this.addrs[b] ? -dir : this.addrs[a] > this.addrs[b] ? dir : 0));
    else {
      const c = this.cols[this.sortKey === 'rate' ? 'in' : this.sortKey];
      list.sort((a, b) => dir * (c[a] - c[b]) || byName(a, b));
    }
    this.dirty = false;
    this.sortedAt = performance.now();
    document.querySelectorAll('#peers th').forEach((th) => {
      const on = th.getAttribute('data-key') === this.sortKey;
      if (on) th.setAttribute('aria-sort', dir > 0 ? 'ascending' : 'descending');
      else th.removeAttribute('aria-sort');
    });
  }

  /** @param {{connected: number, expected: number, hidden?: number}} f */
  render(f) {
    const frozen = this.box.matches(':hover, :focus-within') && !this.dirty;
    if (this.dirty || (!frozen && performance.now() - this.sortedAt > (this.count > 1000 ? 2000 : 1000))) this.sort();
    let look = 0;
    for (let i = 0; i < this.count; i++) look += this.cols.level[i] > 0 ? 1 : 0;
    setText(byId('peer-note'), `${whole(f.connected)} connected${f.expected > f.connected ? `, ${whole(f.expected - f.connected)} gone` : ''}${look ? `, ${whole(look)} ${look === 1 ? 'needs' : 'need'} a look` : ''}`);
    this.draw(f.hidden);
  }

  newRow() {
    const dot = h('i', { class: 'dot' });
    const button = h('button', { class: 'nameb', type: 'button' });
    const line = s('path', { class: 'ln' });
    const svg = s('svg', { class: 'spark', width: 92, height: 18, 'aria-hidden': 'true' }, line);
    const cells = COLUMNS.map(([, , cls], i) => h('td', { class: i === 1 ? `${cls} mono` : cls }));
    cells[0].append(dot, button);
    cells[2].append(svg);
    const tr = h('tr', { class: 'p' }, ...cells);
    return { tr, cells, dot, button, line, id: -1, at: -1 };
  }

  /** @param {number} [hidden] rows that the server does not show */
  draw(hidden = 0) {
    const hgt = this.rowHeight();
    const view = innerWidth < 720 ? 10 * hgt : innerWidth < 1280 ? 420 : 464;
    const height = Math.min(view, Math.max(this.shown, 1) * hgt + 30);
    this.box.style.height = `${height}px`;
    const first = Math.max(0, Math.floor(this.box.scrollTop / hgt) - EXTRA);
    const count = Math.min(this.shown - first, Math.ceil(height / hgt) + 2 * EXTRA);
    while (this.rows.length < count) {
      const r = this.newRow();
      this.rows.push(r);
      this.below.before(r.tr);
    }
    while (this.rows.length > Math.max(count, 0)) this.rows.pop()?.tr.remove();
    this.above.style.height = `${first * hgt}px`;
    this.below.style.height = `${Math.max(0, this.shown - first - count) * hgt}px`;
    const table = one('#peers table');
    table.setAttribute('aria-rowcount', String(this.shown + 1));
    for (let i = 0; i < count; i++) this.fill(this.rows[i], this.order[first + i], first + i);
    const visible = Math.min(this.shown, Math.floor((height - 30) / hgt));
    setText(byId('peer-foot'), !this.shown ? (this.query ? 'No peer matches' : 'No peer yet') : `${visible < this.shown ? `${visible} of ${whole(this.shown)} rows in view; scroll for the rest` : `${this.shown} rows`}${hidden ? `; ${whole(hidden)} more are not shown` : ''}`);
  }

  /**
   * @param {ReturnType<Peers['newRow']>} r
   * @param {number} i index of the data
   * @param {number} at place in the order
   */
  fill(r, i, at) {
    const c = this.cols;
    const level = c.level[i];
    r.id = this.ids[i];
    r.at = at;
    r.tr.setAttribute('aria-rowindex', String(at + 2));
    r.tr.setAttribute('data-id', String(r.id));
    r.tr.setAttribute('data-level', String(level));
    r.button.setAttribute('aria-expanded', String(r.id === this.selected));
    const name = this.names[i];
    setText(r.button, name);
    r.dot.className = ['dot', 'dot w', 'dot x'][level];
    r.button.setAttribute('aria-label', `${name}${['', ', needs a look', ', gone'][level]}`);
    setText(r.cells[1], this.addrs[i]);
    const points = new Float32Array(POINTS);
    let hi = 9;
    for (let k = 0; k < POINTS; k++) {
      const v = this.history[i * POINTS + ((this.column + 1 + k) % POINTS)];
      points[k] = v;
      if (v > hi) hi = v;
    }
    r.line.setAttribute('d', linePath(points, 90, 18, 0, hi));
    const num = (/** @type {number} */ k, /** @type {string} */ text, zero = text === '0', hot = false) => {
      setText(r.cells[k], text);
      const cls = `${COLUMNS[k][2]}${zero ? ' z' : ''}${hot ? ' hot' : ''}`;
      if (r.cells[k].className !== cls) r.cells[k].className = cls;
    };
    const gone = level === 2;
    num(3, gone || !c.rtt[i] ? '–' : fixed(c.rtt[i], c.rtt[i] < 1 ? 2 : 1));
    num(4, whole(c.in[i]));
    num(5, fixed(c.loss[i], 2), c.loss[i] === 0, c.loss[i] >= 5);
    num(6, whole(c.queue[i]));
    num(7, rate(c.drops[i]), c.drops[i] === 0, c.drops[i] >= 1);
    num(8, c.mtu[i] ? whole(c.mtu[i]) : '–');
    num(9, whole(c.restarts[i]));
  }

  /** @param {number} id */
  select(id) {
    this.selected = this.selected === id ? -1 : id;
    this.before = null;
    const box = one('#peers .detail');
    box.hidden = this.selected < 0;
    box.replaceChildren();
    const at = this.place.get(this.selected);
    this.onSelect(at === undefined ? '' : this.names[at]);
    this.draw();
    this.refreshDetail();
  }

  /**
   * Selects a peer by name and scrolls to it.
   * @param {string} name
   */
  reveal(name) {
    const i = this.names.indexOf(name);
    if (i < 0) return;
    if (this.selected !== this.ids[i]) this.select(this.ids[i]);
    const at = this.order.subarray(0, this.shown).indexOf(i);
    if (at >= 0) this.box.scrollTop = Math.max(0, (at - 3) * this.rowHeight());
    byId('peers').scrollIntoView({ block: 'nearest' });
    this.draw();
  }

  async refreshDetail() {
    if (this.selected < 0 || document.hidden) return;
    const id = this.selected;
    try {
      const answer = await fetch(`api/peer?id=${id}`);
      if (!answer.ok || id !== this.selected) return;
      const d = await answer.json();
      const now = performance.now();
      const span = this.before ? (now - this.detailAt) / 1000 : 0;
      this.showDetail(d, this.before, span);
      this.before = d;
      this.detailAt = now;
    } catch {
      // The server is away; the stream says so.
    }
  }

  /**
   * @param {any} d
   * @param {any} old
   * @param {number} span seconds since old
   */
  showDetail(d, old, span) {
    const line = (/** @type {string} */ a, /** @type {string} */ b) => h('p', {}, h('span', {}, a), b);
    const per = (/** @type {number} */ n, /** @type {number | undefined} */ before) => (span && before !== undefined ? `${rate(Math.max(n - before, 0) / span)}/s` : '…');
    const dropOf = (/** @type {any} */ x) => old?.drops.find((/** @type {any} */ o) => o.stage === x.stage && o.reason === x.reason)?.n ?? 0;
    const drops = d.drops.map((/** @type {any} */ x) => line(`${x.stage} / ${words(x.reason)}`, `${whole(x.n)}${old ? `, ${per(x.n, dropOf(x))}` : ''}`));
    const topics = d.topics.map((/** @type {any} */ t) => line(t.path.slice(d.name.length + 1), `${per(t.updates, old?.topics.find((/** @type {any} */ o) => o.path === t.path)?.updates)}, ${t.intent}, ${t.subs} subscribers`));
    const quiet = d.quiet > 2 ? `silent for ${duration(d.quiet * 1000)}` : 'sending';
    const column = (/** @type {string} */ title, /** @type {HTMLElement[]} */ list, /** @type {string} */ none) => h('div', {}, h('h3', {}, title), ...(list.length ? list : [h('p', {}, h('span', {}, none))]));
    const close = h('button', { class: 'btn', type: 'button' }, 'Close');
    close.addEventListener('click', () => this.select(this.selected));
    one('#peers .detail').replaceChildren(
      h('div', { class: 'dhead' }, h('b', {}, d.name), h('span', { class: 'mono' }, d.key), close),
      h('div', { class: 'dgrid' }, column('Drops by stage and reason', drops, 'none so far'), column('Topics', topics, 'publishes none'),
        column('Session', [
          line('state', d.connected ? `connected, ${quiet}` : 'disconnected'), line('session', `${d.session}, ${d.rekeys} rekeys, ${d.restarts} restarts`), line('address', d.addr),
          line('packets in, out', `${whole(d.packets[0])}, ${whole(d.packets[1])}`), line('acknowledged, lost', `${whole(d.decided[0])}, ${whole(d.decided[1])}`), line('least RTT', `${fixed(d.rttMin, 2)} ms`),
        ], '')));
  }
}
