// Declared positions with trails that fade with age, flat or in a simple perspective.

import { byId, colour, h, one, paint, setText } from './dom.js';
import { whole } from './format.js';

const TRAIL = 48; // points
const STEP = 400; // between two points, in ms
const LABELS = 24; // the most names on the map
const MANY = 1000; // objects, beyond which none has a trail

/**
 * @typedef {object} Body
 * @property {number} topic
 * @property {number} x
 * @property {number} y
 * @property {number} z
 * @property {number} at when it last moved, in ms
 * @property {Float32Array} trail x, y, z of TRAIL points
 * @property {number} next
 * @property {number} count
 */

export class Positions {
  /**
   * @param {(topic: number) => {publisher: string, path: string, live: boolean} | undefined} topicOf
   * @param {(publisher: string) => void} onPick
   */
  constructor(topicOf, onPick) {
    this.topicOf = topicOf;
    this.onPick = onPick;
    /** @type {Map<number, Body>} */
    this.bodies = new Map();
    this.deep = false;
    this.selected = '';
    this.stepAt = 0;
    this.limits = { x0: 0, x1: 1, y0: 0, y1: 1, z0: 0, z1: 1 };
    this.fitted = 0;
    this.canvas = /** @type {HTMLCanvasElement} */ (one('#map canvas'));
    /** @type {{x: number, y: number, publisher: string}[]} */
    this.spots = [];
    for (const [id, deep] of /** @type {[string, boolean][]} */ ([['flat', false], ['deep', true]])) {
      byId(id).addEventListener('click', () => {
        this.deep = deep;
        byId('flat').setAttribute('aria-pressed', String(!deep));
        byId('deep').setAttribute('aria-pressed', String(deep));
        this.draw();
      });
    }
    this.canvas.addEventListener('click', (e) => this.pick(e.offsetX, e.offsetY));
  }

  clear() {
    this.bodies.clear();
    this.fitted = 0;
  }

  /**
   * @param {number[][]} places
   * @param {number} now ms
   */
  update(places, now) {
    for (const p of places) {
      if (p.length === 1) {
        this.bodies.delete(p[0]);
        continue;
      }
      const [id, topic, x, y, z] = p;
      let b = this.bodies.get(id);
      if (!b) {
        b = { topic, x, y, z: z ?? NaN, at: now, trail: new Float32Array(3 * TRAIL), next: 0, count: 0 };
        this.bodies.set(id, b);
        this.fitted = 0;
      }
      b.x = x;
      b.y = y;
      b.z = z ?? NaN;
      b.at = now;
    }
    if (now - this.stepAt < STEP) return;
    this.stepAt = now;
    for (const b of this.bodies.values()) {
      b.trail.set([b.x, b.y, Number.isNaN(b.z) ? 0 : b.z], 3 * b.next);
      b.next = (b.next + 1) % TRAIL;
      b.count = Math.min(b.count + 1, TRAIL);
    }
    if (now - this.fitted > 2000 || this.leaves()) this.fit(now);
  }

  /** Whether an object is outside of the limits. */
  leaves() {
    const { x0, x1, y0, y1 } = this.limits;
    for (const b of this.bodies.values()) if (b.x < x0 || b.x > x1 || b.y < y0 || b.y > y1) return true;
    return false;
  }

  /**
   * Chooses the limits of the map: round numbers around all objects and their trails, which only grow.
   * @param {number} now
   */
  fit(now) {
    if (!this.bodies.size) return;
    const lim = { x0: Infinity, x1: -Infinity, y0: Infinity, y1: -Infinity, z0: 0, z1: 1 };
    const add = (/** @type {number} */ x, /** @type {number} */ y) => {
      lim.x0 = Math.min(lim.x0, x);
      lim.x1 = Math.max(lim.x1, x);
      lim.y0 = Math.min(lim.y0, y);
      lim.y1 = Math.max(lim.y1, y);
    };
    for (const b of this.bodies.values()) {
      add(b.x, b.y);
      if (!Number.isNaN(b.z)) {
        lim.z0 = Math.min(lim.z0, b.z);
        lim.z1 = Math.max(lim.z1, b.z);
      }
      if (this.bodies.size > MANY) continue;
      for (let i = 0; i < b.count; i++) add(b.trail[3 * i], b.trail[3 * i + 1]);
    }
    const unit = nice(Math.max(lim.x1 - lim.x0, lim.y1 - lim.y0, 1e-6) / 8);
    for (const [a, b] of /** @type {['x0' | 'y0', 'x1' | 'y1'][]} */ ([['x0', 'x1'], ['y0', 'y1']])) {
      lim[a] = unit * (Math.floor(lim[a] / unit) - 0.5);
      lim[b] = unit * (Math.ceil(lim[b] / unit) + 0.5);
    }
    if (this.fitted) {
      const old = this.limits;
      lim.x0 = Math.min(lim.x0, old.x0);
      lim.y0 = Math.min(lim.y0, old.y0);
      lim.x1 = Math.max(lim.x1, old.x1);
      lim.y1 = Math.max(lim.y1, old.y1);
      lim.z1 = Math.max(lim.z1, old.z1);
    }
    this.limits = lim;
    this.fitted = now;
  }

  /**
   * Returns the projection: from coordinates to pixels and the size of things there.
   * @param {number} W
   * @param {number} H
   * @returns {(x: number, y: number, z: number) => [number, number, number]}
   */
  projection(W, H) {
    const { x0, x1, y0, y1, z1 } = this.limits;
    const k = Math.min((W - 24) / (x1 - x0), (H - 24) / (y1 - y0));
    const [cx, cy] = [(x0 + x1) / 2, (y0 + y1) / 2];
    if (!this.deep) return (x, y) => [W / 2 + (x - cx) * k, H / 2 - (y - cy) * k, 1];
    const reach = Math.max(x1 - x0, y1 - y0) / 2;
    const lift = Math.min(H * 0.3, (H * 0.3 * Math.max(z1, 0.001)) / Math.max(z1, reach * 0.25)) / Math.max(z1, 0.001);
    return (x, y, z) => {
      const v = (cy - y) / reach; // towards the viewer
      const d = 1.35 - 0.3 * v;
      const size = 1.08 / d;
      return [W / 2 + ((x - cx) / reach) * W * 0.47 * size, H * 0.52 + v * H * 0.38 * size - z * lift * size, size];
    };
  }

  draw() {
    const W = this.canvas.parentElement?.clientWidth ?? 0;
    if (!W) return;
    const H = Math.round(Math.min(W * 0.8, 464));
    const c = paint(this.canvas, W, H);
    this.spots = [];
    if (!this.bodies.size) {
      c.font = `12px ${getComputedStyle(document.body).fontFamily}`;
      c.fillStyle = colour('ink3');
      c.textAlign = 'center';
      c.fillText('No Latest topic with a layout has a value', W / 2, H / 2);
      setText(byId('map-note'), 'none declared');
      byId('map-legend').replaceChildren();
      return;
    }
    const q = this.projection(W, H);
    this.grid(c, q, W, H);
    const trails = [colour('safe'), colour('warm')];
    const list = [...this.bodies.values()].sort((a, b) => b.y - a.y);
    let labels = 0;
    const many = list.length > MANY;
    for (const b of list) {
      const t = this.topicOf(b.topic);
      const chosen = t !== undefined && t.publisher === this.selected && this.selected !== '';
      const lost = t !== undefined && !t.live;
      if (!many) this.trail(c, q, b, lost ? trails[1] : trails[0]);
      const z = Number.isNaN(b.z) ? 0 : b.z;
      const [x, y, size] = q(b.x, b.y, z);
      if (this.deep && z) {
        const [gx, gy] = q(b.x, b.y, 0);
        c.strokeStyle = colour('line2');
        c.lineWidth = 1;
        c.beginPath();
        c.moveTo(gx, gy);
        c.lineTo(x, y);
        c.stroke();
      }
      this.head(c, q, b, x, y, size * (many ? 0.6 : 1), lost ? colour('warm') : colour('accent'), lost);
      if (t) this.spots.push({ x, y, publisher: t.publisher });
      if (chosen) {
        c.strokeStyle = colour('accent');
        c.lineWidth = 1.5;
        c.beginPath();
        c.arc(x, y, 13, 0, 2 * Math.PI);
        c.stroke();
      }
      if (t && (chosen || (lost && labels < LABELS))) {
        labels++;
        this.label(c, x, y, lost ? `${t.publisher}, away` : t.publisher, lost ? colour('warm') : colour('ink'), W);
      }
    }
    setText(byId('map-note'), `${whole(this.bodies.size)} declared, trails of ${Math.round((TRAIL * STEP) / 1000)} s`);
    this.canvas.setAttribute('aria-label', `Map of ${this.bodies.size} objects${this.selected ? `; ${this.selected} is marked` : ''}`);
    this.legend();
  }

  /**
   * @param {CanvasRenderingContext2D} c
   * @param {(x: number, y: number, z: number) => [number, number, number]} q
   * @param {number} W
   * @param {number} H
   */
  grid(c, q, W, H) {
    let { x0, x1, y0, y1 } = this.limits;
    const unit = nice(Math.max(x1 - x0, y1 - y0) / 8);
    if (!this.deep) {
      // To the edges of the map: one side of the limits is shorter than the map.
      const [left, top] = q(x0, y1, 0);
      const [right, bottom] = q(x1, y0, 0);
      const k = (x1 - x0) / (right - left);
      [x0, x1, y0, y1] = [x0 - left * k, x1 + (W - right) * k, y0 - (H - bottom) * k, y1 + top * k];
    }
    c.strokeStyle = colour('line');
    c.lineWidth = 1;
    const segment = (/** @type {number[]} */ a, /** @type {number[]} */ b) => {
      const [ax, ay] = q(a[0], a[1], 0);
      const [bx, by] = q(b[0], b[1], 0);
      c.moveTo(ax, ay);
      c.lineTo(bx, by);
    };
    c.beginPath();
    for (let x = Math.ceil(x0 / unit) * unit; x <= x1; x += unit) segment([x, y0], [x, y1]);
    for (let y = Math.ceil(y0 / unit) * unit; y <= y1; y += unit) segment([x0, y], [x1, y]);
    c.stroke();
    this.unit = unit;
  }

  /**
   * @param {CanvasRenderingContext2D} c
   * @param {(x: number, y: number, z: number) => [number, number, number]} q
   * @param {Body} b
   * @param {string} ink
   */
  trail(c, q, b, ink) {
    if (b.count < 2) return;
    c.strokeStyle = ink;
    c.lineWidth = 1.5;
    c.lineCap = 'round';
    const at = (/** @type {number} */ i) => {
      const k = 3 * ((b.next - b.count + i + TRAIL) % TRAIL);
      return q(b.trail[k], b.trail[k + 1], b.trail[k + 2]);
    };
    const parts = 6;
    for (let p = 0; p < parts; p++) {
      const from = Math.floor((p * (b.count - 1)) / parts);
      const to = Math.floor(((p + 1) * (b.count - 1)) / parts);
      if (to === from) continue;
      c.globalAlpha = [0.12, 0.22, 0.34, 0.5, 0.72, 1][p];
      c.beginPath();
      for (let i = from; i <= to; i++) {
        const [x, y] = at(i);
        if (i === from) c.moveTo(x, y);
        else c.lineTo(x, y);
      }
      if (p === parts - 1) {
        const [x, y] = q(b.x, b.y, Number.isNaN(b.z) ? 0 : b.z);
        c.lineTo(x, y);
      }
      c.stroke();
    }
    c.globalAlpha = 1;
  }

  /**
   * @param {CanvasRenderingContext2D} c
   * @param {(x: number, y: number, z: number) => [number, number, number]} q
   * @param {Body} b
   * @param {number} x
   * @param {number} y
   * @param {number} size
   * @param {string} ink
   * @param {boolean} hollow
   */
  head(c, q, b, x, y, size, ink, hollow) {
    let angle = -Math.PI / 2;
    if (b.count > 2) {
      const k = 3 * ((b.next - 3 + TRAIL) % TRAIL);
      const [px, py] = q(b.trail[k], b.trail[k + 1], b.trail[k + 2]);
      if (Math.hypot(x - px, y - py) > 0.5) angle = Math.atan2(y - py, x - px);
    }
    c.save();
    c.translate(x, y);
    c.rotate(angle);
    c.scale(size, size);
    c.beginPath();
    c.moveTo(6, 0);
    c.lineTo(-4, 4);
    c.lineTo(-2, 0);
    c.lineTo(-4, -4);
    c.closePath();
    c.fillStyle = c.strokeStyle = ink;
    c.lineWidth = 1.25;
    if (hollow) c.stroke();
    else c.fill();
    c.restore();
  }

  /**
   * @param {CanvasRenderingContext2D} c
   * @param {number} x
   * @param {number} y
   * @param {string} text
   * @param {string} ink
   * @param {number} W
   */
  label(c, x, y, text, ink, W) {
    c.font = `600 12px ${getComputedStyle(document.body).fontFamily}`;
    c.textAlign = x > W - 80 ? 'right' : x < 80 ? 'left' : 'center';
    c.lineWidth = 3;
    c.lineJoin = 'round';
    c.strokeStyle = colour('raise');
    c.strokeText(text, x, y - 16);
    c.fillStyle = ink;
    c.fillText(text, x, y - 16);
  }

  legend() {
    const text = `squares of ${this.unit}`;
    const box = byId('map-legend');
    if (box.dataset.text === text) return;
    box.dataset.text = text;
    box.replaceChildren(h('span', {}, h('i', { class: 'key ktrail', 'aria-hidden': 'true' }), 'older to newer'), h('span', {}, text), h('span', {}, 'units of the payload; select an arrow for its peer'));
  }

  /**
   * @param {number} x
   * @param {number} y
   */
  pick(x, y) {
    let best = null;
    let far = 18;
    for (const p of this.spots) {
      const d = Math.hypot(p.x - x, p.y - y);
      if (d < far) {
        far = d;
        best = p;
      }
    }
    if (best) this.onPick(best.publisher);
  }
}

/**
 * The round number (1, 2 or 5 times a power of ten) not below v.
 * @param {number} v
 */
export function nice(v) {
  const p = 10 ** Math.floor(Math.log10(v));
  const m = v / p;
  return (m <= 1 ? 1 : m <= 2 ? 2 : m <= 5 ? 5 : 10) * p;
}
