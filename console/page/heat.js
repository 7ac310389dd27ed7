// Latency of the last minute as a heat map: seconds from left to right, age upwards.

import { byId, colour, h, one, paint, setText } from './dom.js';
import { fixed } from './format.js';

/** @typedef {import('./types.js').HeatColumn} HeatColumn */
/** @typedef {import('./types.js').Hello} Hello */
/** @typedef {import('./types.js').AgeKind} AgeKind */

const SECONDS = 60;

export class Heat {
  constructor() {
    /** @type {HeatColumn[]} */
    this.columns = [];
    /** @type {number[]} */
    this.bounds = [];
    /** @type {AgeKind} */
    this.kind = 'age';
    this.dirty = false;
    this.canvas = /** @type {HTMLCanvasElement} */ (one('#heat canvas'));
  }

  /** @param {Hello} hello */
  hello(hello) {
    this.bounds = hello.bounds;
    this.shows(hello.ageKind);
    const key = (/** @type {string} */ cls, /** @type {string} */ text) => h('span', {}, h('i', { class: `key ${cls}`, 'aria-hidden': 'true' }), text);
    byId('heat-legend').replaceChildren(key('k50', 'p50'), key('k99', 'p99'), key('kslow', 'slow handler'), key('kover', 'socket overflow'));
  }

  /**
   * Begins again with ages of another kind.
   * @param {AgeKind} kind
   */
  shows(kind) {
    this.kind = kind;
    this.columns = [];
    this.dirty = true;
    setText(byId('h-heat'), kind === 'rtt' ? 'Round-trip time' : 'Age of updates');
    setText(byId('heat-note'), { age: 'from origin to handler, last minute', hub: 'from origin to the hub, last minute', rtt: 'of all peers, last minute' }[kind]);
  }

  /**
   * @param {AgeKind} kind
   * @param {HeatColumn[] | undefined} columns
   */
  update(kind, columns) {
    if (!columns) return;
    if (kind !== this.kind) this.shows(kind);
    this.columns.push(...columns);
    if (this.columns.length > SECONDS) this.columns.splice(0, this.columns.length - SECONDS);
    this.dirty = true;
  }

  /** Draws if there is something new. */
  refresh() {
    if (this.dirty) this.draw();
  }

  /**
   * The highest and lowest bucket to show: whole octaves around what was counted.
   * @returns {[number, number]}
   */
  range() {
    let lo = this.bounds.length;
    let hi = 0;
    for (const { c } of this.columns) {
      c.forEach((n, i) => {
        if (!n) return;
        lo = Math.min(lo, i);
        hi = Math.max(hi, i);
      });
    }
    hi = Math.min(this.bounds.length + 1, Math.max(hi + 2, 13));
    lo = Math.max(1, Math.min(lo - 1, hi - 12));
    lo -= (lo - 1) % 4;
    return [lo, hi + ((hi - lo) % 2)];
  }

  draw() {
    const W = this.canvas.parentElement?.clientWidth ?? 0;
    if (!W || !this.bounds.length) return;
    this.dirty = false;
    const H = 272;
    const L = 52;
    const top = 20;
    const bottom = H - 22;
    const c = paint(this.canvas, W, H);
    const [lo, hi] = this.range();
    const ch = (bottom - top) / (hi - lo);
    const cw = (W - L) / SECONDS;
    const y = (/** @type {number} */ b) => bottom - (b - lo) * ch;
    c.font = `11px ${getComputedStyle(document.body).fontFamily}`;
    c.fillStyle = colour('ink3');
    c.strokeStyle = colour('line');
    c.textAlign = 'right';
    c.lineWidth = 1;
    for (let b = lo; b <= hi; b += 4) {
      // The lower bound of bucket b is the upper one of b-1.
      const ms = this.bounds[0] * 2 ** ((b - 1) / 2);
      c.fillText(ms >= 1000 ? `${fixed(ms / 1000, 1)} s` : `${fixed(ms, ms < 1 ? 2 : 1)}${b === lo ? ' ms' : ''}`, L - 8, y(b) + 4);
      c.beginPath();
      c.moveTo(L, Math.round(y(b)) + 0.5);
      c.lineTo(W, Math.round(y(b)) + 0.5);
      c.stroke();
    }
    c.textAlign = 'left';
    c.fillText('60 s ago', L, H - 6);
    c.textAlign = 'center';
    c.fillText('30', L + (W - L) / 2, H - 6);
    c.textAlign = 'right';
    c.fillText('now', W, H - 6);
    const heat = [0, 1, 2, 3, 4, 5].map((i) => colour(`heat${i}`));
    const start = SECONDS - this.columns.length;
    /** @type {[number, number][]} */
    const p50 = [];
    /** @type {[number, number][]} */
    const p99 = [];
    this.columns.forEach((col, k) => {
      const x = L + (start + k) * cw;
      const total = col.c.reduce((a, b) => a + b, 0);
      let below = 0;
      let marks = 0;
      col.c.forEach((n, b) => {
        if (!n) return;
        const share = n / total;
        const shade = share < 0.002 ? 0 : share < 0.015 ? 1 : share < 0.06 ? 2 : share < 0.13 ? 3 : share < 0.21 ? 4 : 5;
        c.fillStyle = heat[shade];
        c.fillRect(x, y(b + 1), cw - 0.5, ch - 0.5);
        const before = below;
        below += n;
        if (marks < 1 && below >= total / 2) {
          p50.push([x + cw / 2, y(b + (total / 2 - before) / n)]);
          marks = 1;
        }
        if (marks < 2 && below >= total * 0.99) {
          p99.push([x + cw / 2, y(b + (total * 0.99 - before) / n)]);
          marks = 2;
        }
      });
      if (col.overflow) {
        c.fillStyle = colour('warm');
        c.fillRect(x, 2, cw - 0.5, 5);
      }
      if (col.slow) {
        c.strokeStyle = colour('ink2');
        c.beginPath();
        c.moveTo(x + cw / 2, 17);
        c.lineTo(x + cw / 2 - 4, 10);
        c.lineTo(x + cw / 2 + 4, 10);
        c.closePath();
        c.stroke();
      }
    });
    this.line(c, p50, colour('bg'), 3.5, []);
    this.line(c, p50, colour('ink'), 1.5, []);
    this.line(c, p99, colour('ink'), 1.25, [3, 2]);
    this.describe();
  }

  /**
   * @param {CanvasRenderingContext2D} c
   * @param {[number, number][]} points
   * @param {string} ink
   * @param {number} width
   * @param {number[]} dash
   */
  line(c, points, ink, width, dash) {
    c.strokeStyle = ink;
    c.lineWidth = width;
    c.setLineDash(dash);
    c.beginPath();
    points.forEach(([px, py], i) => (i ? c.lineTo(px, py) : c.moveTo(px, py)));
    c.stroke();
    c.setLineDash([]);
  }

  describe() {
    const slow = this.columns.reduce((n, c) => n + (c.slow ?? 0), 0);
    const over = this.columns.reduce((n, c) => n + (c.overflow ?? 0), 0);
    this.canvas.setAttribute('aria-label', `${this.kind === 'rtt' ? 'Round-trip times' : 'Ages of updates'} over the last minute. ${slow} slow handler calls, ${over} datagrams lost to overflow.`);
  }
}
