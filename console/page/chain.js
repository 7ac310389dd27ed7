// The section of the chain: laws, ribbon, and the line about the selected gate.

import { byId, h, s, setText } from './dom.js';
import { bytes, whole } from './format.js';
import { flowOf, sum } from './flow.js';
import { drawWide, gateLabel, per } from './ribbon.js';
import { drawTall } from './ribbontall.js';
import { Scene } from './scene.js';

/** @typedef {import('./flow.js').Flow} Flow */
/** @typedef {import('./flow.js').Gate} Gate */
/** @typedef {import('./flow.js').Law} Law */
/** @typedef {import('./types.js').Frame} Frame */
/** @typedef {import('./types.js').Hello} Hello */

const REMEMBER = 60_000; // how long a reason without drops is still drawn, in ms

export class Chain {
  constructor() {
    this.box = byId('chain');
    this.svg = s('svg', { role: 'group', 'aria-label': 'Flow through the chain' });
    this.defs = s('defs');
    this.back = s('g');
    this.body = s('g');
    this.gates = s('g');
    this.labels = s('g', { class: 'labels' });
    this.svg.append(this.defs, this.back, this.body, this.gates, this.labels);
    this.box.append(this.svg);
    this.scene = new Scene(this.svg);
    this.selected = '';
    this.totals = false;
    this.tall = false;
    /** @type {Map<string, Map<string, number>>} when a reason was last seen, by gate */
    this.seen = new Map();
    this.scale = 1;
    this.wideSince = 0;
    this.thinSince = 0;
    this.lanes = { in: 48, out: 48, at: 0 };
    /** @type {Flow | null} */
    this.flow = null;
    /** @type {Map<string, ReturnType<typeof newLaw>>} */
    this.laws = new Map();
    this.wire();
  }

  wire() {
    this.box.addEventListener('click', (e) => {
      const g = /** @type {Element} */ (e.target).closest('.gate');
      if (g) this.select(g.getAttribute('data-id') ?? '');
    });
    this.box.addEventListener('keydown', (e) => {
      const gates = [...this.gates.querySelectorAll('.gate')];
      const i = gates.indexOf(/** @type {Element} */ (e.target));
      const step = /** @type {Record<string, number>} */ ({ ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 })[e.key];
      if (i >= 0 && step) {
        e.preventDefault();
        /** @type {SVGElement} */ (gates[(i + step + gates.length) % gates.length]).focus();
      }
      if (i >= 0 && (e.key === 'Enter' || e.key === ' ')) {
        e.preventDefault();
        this.select(gates[i].getAttribute('data-id') ?? '');
      }
    });
    const show = (/** @type {boolean} */ totals) => {
      this.totals = totals;
      byId('rates').setAttribute('aria-pressed', String(!totals));
      byId('totals').setAttribute('aria-pressed', String(totals));
      this.seen.clear();
      this.scale = 1;
      if (this.last) this.update(this.last.hello, this.last.now, this.last.before, true);
    };
    byId('rates').addEventListener('click', () => show(false));
    byId('totals').addEventListener('click', () => show(true));
  }

  /** @param {string} key */
  select(key) {
    this.selected = this.selected === key ? '' : key;
    this.draw();
  }

  /**
   * @param {Hello} hello
   * @param {Frame} now
   * @param {Frame | null} before about a second earlier; null: not known yet
   * @param {boolean} draw
   * @returns {Flow | null} what flows per second
   */
  update(hello, now, before, draw) {
    this.last = { hello, now, before };
    const rates = before ? flowOf(hello, now, before) : null;
    this.flow = this.totals ? flowOf(hello, now, null) : rates;
    if (!this.flow) return null;
    for (const g of [...this.flow.in, ...this.flow.out]) {
      for (const [reason] of g.d) {
        let m = this.seen.get(g.key);
        if (!m) this.seen.set(g.key, (m = new Map()));
        m.set(reason, now.now);
      }
    }
    if (draw) this.draw();
    return rates;
  }

  /**
   * The reasons of the last minute, the most first.
   * @param {Gate} g
   * @returns {[string, number][]}
   */
  reasons(g) {
    const now = this.last ? this.last.now.now : 0;
    /** @type {[string, number][]} */
    const list = [...g.d];
    for (const [reason, at] of this.seen.get(g.key) ?? []) {
      if (now - at > REMEMBER) this.seen.get(g.key)?.delete(reason);
      else if (!g.d.some(([r]) => r === reason)) list.push([reason, 0]);
    }
    return list;
  }

  draw() {
    const f = this.flow;
    const W = this.box.clientWidth;
    if (!f || !W || !this.last) return;
    const tall = W < 700;
    if (this.tall !== tall) {
      this.scene.begin();
      this.scene.end();
      this.tall = tall;
    }
    this.fit(f);
    const ink = {
      scene: this.scene, defs: this.defs, back: this.back, body: this.body, gates: this.gates, labels: this.labels, flow: f,
      k: (tall ? 0.46 : 0.62) * this.scale, selected: this.selected, unit: this.totals ? '' : '/s', hub: this.last.hello.hub,
      reasons: (/** @type {Gate} */ g) => this.reasons(g), laneIn: this.lanes.in, laneOut: this.lanes.out,
    };
    this.scene.begin();
    const height = tall ? drawTall(ink, W) : drawWide(ink, W);
    this.scene.end();
    this.svg.setAttribute('width', String(W));
    this.svg.setAttribute('height', String(Math.ceil(height)));
    const [ip, im, om, op] = f.laws;
    this.drawLaws('law-in', [ip, im]);
    this.drawLaws('law-out', [op, om]);
    this.caption(ink);
  }

  /**
   * Chooses the scale, and heights of the lanes that change in steps and shrink late.
   * @param {Flow} f
   */
  fit(f) {
    const now = performance.now();
    const widest = (/** @type {Gate[]} */ gates) => Math.sqrt(Math.max(1, ...gates.map((g) => Math.max(g.before, g.pre ?? 0))));
    const most = 0.62 * this.scale * Math.max(widest(f.in), widest(f.out));
    this.wideSince = most > 150 ? this.wideSince || now : 0;
    this.thinSince = most < 60 && this.scale < 1 ? this.thinSince || now : 0;
    const patience = this.totals || !this.settled ? 0 : 2000;
    if (this.wideSince && now - this.wideSince >= patience) {
      while (0.62 * this.scale * Math.max(widest(f.in), widest(f.out)) > 150) this.scale /= 2;
      this.wideSince = 0;
    } else if (this.thinSince && now - this.thinSince >= (this.totals ? 0 : 30_000)) {
      this.scale *= 2;
      this.thinSince = 0;
    }
    this.settled = true;
    const lane = (/** @type {Gate[]} */ gates) => Math.max(48, Math.min(168, 24 * Math.ceil((0.62 * this.scale * widest(gates)) / 24)));
    const inn = lane(f.in);
    const out = lane(f.out);
    if (inn >= this.lanes.in && out >= this.lanes.out) this.lanes = { in: inn, out, at: now };
    else if (inn > this.lanes.in || out > this.lanes.out) this.lanes = { in: Math.max(inn, this.lanes.in), out: Math.max(out, this.lanes.out), at: now };
    else if (now - this.lanes.at > 30_000) this.lanes = { in: inn, out, at: now };
  }

  /**
   * @param {string} id
   * @param {Law[]} laws
   */
  drawLaws(id, laws) {
    const box = byId(id);
    for (const l of laws) {
      let e = this.laws.get(l.name);
      if (!e) {
        e = newLaw(l.name);
        this.laws.set(l.name, e);
        box.append(e.root);
      }
      // The parts are rounded, and in is their sum, so that what is shown adds up.
      const [a, c, d] = [l.accepted, l.consumed, l.drops].map(Math.round);
      setText(e.in, whole(a + c + d));
      setText(e.accepted, whole(a));
      setText(e.consumed, whole(c));
      setText(e.drops, whole(d));
      e.dropBox.className = d ? 'd' : 'c';
      e.ok.className = l.holds ? 'ok' : 'ok broken';
      e.ok.setAttribute('aria-label', l.holds ? 'holds' : 'does not hold');
      setText(e.ok, l.holds ? '✓' : '≠');
    }
  }

  /** @param {import('./ribbon.js').Ink} ink */
  caption(ink) {
    const f = /** @type {Flow} */ (this.flow);
    const box = byId('figcap');
    const g = [...f.in, ...f.out].find((x) => x.key === this.selected);
    const parts = [];
    if (g) {
      parts.push(h('b', {}, g.key), h('span', {}, gateLabel(g, ink).split(': ').slice(1).join(': ')));
      const all = this.reasons(g);
      if (!all.length && !g.c.length) parts.push(h('span', {}, 'nothing dropped in the last minute'));
      if (all.length) parts.push(h('span', {}, `${per(ink, sum(g.d))} dropped in all`));
      parts.push(h('span', { class: 'push' }, 'Peers show their own drops: select one below'));
    } else {
      const worst = [...f.in, ...f.out].filter((x) => x.d.length).sort((a, b) => sum(b.d) - sum(a.d))[0];
      if (worst) parts.push(h('b', {}, worst.key), h('span', {}, `${per(ink, sum(worst.d))} dropped, ${worst.d.map(([r, n]) => `${per(ink, n)} ${r}`).slice(0, 3).join(', ')}`));
      else parts.push(h('b', {}, 'No drops'), h('span', {}, ink.unit ? `${bytes(f.bytesOut)} sent` : ''));
      parts.push(h('span', { class: 'push' }, 'Select a gate for its drops by reason'));
    }
    const text = parts.map((p) => p.textContent).join('|');
    if (box.dataset.text === text) return;
    box.dataset.text = text;
    box.replaceChildren(...parts);
  }
}

/** @param {string} name */
function newLaw(name) {
  const b = () => h('b');
  const [i, a, c, d] = [b(), b(), b(), b()];
  const dropBox = h('span', { class: 'd' }, d, ' drops');
  const ok = h('span', { class: 'ok', role: 'img' });
  const root = h('div', { class: 'law', 'data-law': name }, h('span', { class: 'k' }, name),
    h('span', { class: 'eq' }, h('span', {}, i, ' in'), '=', h('span', { class: 'a' }, a, ' accepted'), '+', h('span', { class: 'c' }, c, ' consumed'), '+', dropBox), ok);
  return { root, in: i, accepted: a, consumed: c, drops: d, dropBox, ok };
}

