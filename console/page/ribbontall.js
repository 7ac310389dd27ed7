// The same ribbon on a phone, flowing down, with gates at its left and drops leaving to the right.

import { sum } from './flow.js';
import { gateLabel, per, thickness } from './ribbon.js';

/** @typedef {import('./ribbon.js').Ink} Ink */
/** @typedef {import('./flow.js').Gate} Gate */

const X = 104;

/** @param {number} n */
const r1 = (n) => Math.round(n * 10) / 10;

/**
 * Draws the ribbon and returns its height.
 * @param {Ink} ink
 * @param {number} W
 */
export function drawTall(ink, W) {
  const { scene, body, labels, flow } = ink;
  const tip = Math.min(232, W - 110);
  const h = (/** @type {number} */ v) => Math.min(thickness(ink, v), tip - X - 34);
  const text = (/** @type {string} */ key, /** @type {number} */ x, /** @type {number} */ y, /** @type {string} */ cls, /** @type {string} */ t, anchor = 'start') =>
    scene.put(labels, 'text', key, { x, y, class: cls, 'text-anchor': anchor }, t);
  const band = (/** @type {string} */ key, /** @type {number} */ y0, /** @type {number} */ y1, /** @type {number} */ w, /** @type {string} */ fill) =>
    scene.put(body, 'path', key, { d: `M${X} ${r1(y0)}H${r1(X + w)}V${r1(y1)}H${X}z`, fill });
  let vein = '';
  const strands = (/** @type {number} */ y0, /** @type {number} */ y1, /** @type {number} */ a, /** @type {number} */ b) => {
    for (let i = 1; i < 8 && a > 12; i++) vein += `M${r1(X + (a * i) / 8)} ${r1(y0)}L${r1(X + (b * i) / 8)} ${r1(y1)}`;
  };
  fade(ink, 'gt', 'raw', 0, 1);
  fade(ink, 'ge', 'safe', 1, 0);
  let y = 60;
  text('wi', X - 14, 14, 'nm', 'wire', 'end');
  text('wir', X - 14, 29, 'rt', per(ink, flow.wireIn), 'end');
  band('top', 0, y, h(flow.wireIn), 'url(#gt)');
  let safe = false;
  let messages = false;
  const gate = (/** @type {Gate} */ g) => {
    const hb = h(g.before);
    const ha = h(g.after);
    const colour = safe ? 'safe' : 'raw';
    if (g.id === 'aead') safe = true;
    if (g.split) messages = true;
    const reasons = ink.reasons(g);
    const w = reasons.length ? Math.min(Math.max(h(sum(g.d)), 1.5), 60) : 0;
    const wc = g.c.length ? Math.min(h(sum(g.c)), 20) : 0;
    const both = reasons.length > 0 && g.c.length > 0;
    const row = Math.max(46, w + 30 + (reasons.length > 1 ? 16 : 0), both ? wc + w + 64 : 0);
    const yc = y + 4;
    if (g.c.length) {
      scene.put(body, 'path', `c ${g.key}`, { d: `M${r1(X + hb)} ${yc}C${r1(X + hb)} ${yc + 8} ${r1(X + hb + 6)} ${yc + 8} ${r1(X + hb + 16)} ${yc + 8}H${tip - 6}v${r1(wc)}H${r1(X + hb)}z`, fill: `var(--${colour})`, opacity: '.75' });
      text(`cl ${g.key}`, tip, yc + 12 + wc / 2, 'cap halo', `${g.c.length > 1 ? 'consumed' : g.c[0][0]} ${per(ink, sum(g.c))}`);
    }
    const next = y + row;
    band(`band ${g.key}`, y, next, ha, `var(--${safe || g.dir < 0 ? 'safe' : 'raw'})`);
    if (g.join) messages = false;
    if (messages) strands(y, next, ha, ha);
    if (reasons.length) {
      const top = yc + (both ? wc + 30 : 6);
      const from = g.join ? X + hb : X + ha;
      scene.put(body, 'path', `b ${g.key}`, { class: 'br', 'data-drop': reasons[0][0], d: `M${r1(X + hb)} ${y}C${r1(X + hb)} ${r1(top)} ${r1(X + hb + 4)} ${r1(top)} ${r1(Math.min(tip - 12, X + hb + 14))} ${r1(top)}H${tip - 8}V${r1(top + w)}H${r1(X + hb)}C${r1(from + 2)} ${r1(top + w)} ${r1(from)} ${r1(top + w * 0.6)} ${r1(from)} ${y}z`, fill: 'var(--warm)' });
      reasons.slice(0, 2).forEach(([l, v], i) => {
        text(`dl ${g.key} ${i}`, tip, top + w / 2 + 3 + 16 * i, 'dr halo', `${l} ${per(ink, v)}`);
      });
    }
    drawGate(ink, g, y, g.split ? Math.max(h(g.pre ?? 0), hb) : hb, row, W);
    y = next;
  };
  flow.in.forEach(gate);
  const a = h(flow.accepted);
  const b = h(flow.offered);
  scene.put(body, 'path', 'bend', { d: `M${X} ${y}V${y + 64}H${r1(X + b)}C${r1(X + b)} ${y + 30} ${r1(X + a)} ${y + 40} ${r1(X + a)} ${y}z`, fill: 'var(--safe)' });
  strands(y, y + 64, a, b);
  text('hub', X - 14, y + 28, 'big', ink.hub ? 'hub' : 'program', 'end');
  if (flow.accepted > 0.5) text('fan', X - 14, y + 44, 'rt', `fan-out ${(flow.offered / flow.accepted).toFixed(1)}×`, 'end');
  y += 64;
  flow.out.forEach(gate);
  band('end', y, y + 28, h(flow.wireOut), 'url(#ge)');
  text('wo', X - 14, y + 18, 'nm', 'wire', 'end');
  scene.put(labels, 'path', 'veins', { class: 'vein', d: vein || 'M0 0' });
  return y + 36;
}

/**
 * @param {Ink} ink
 * @param {string} id
 * @param {string} c
 * @param {number} from
 * @param {number} to
 */
function fade(ink, id, c, from, to) {
  const g = ink.scene.put(ink.defs, 'linearGradient', `g ${id}`, { id, x1: 0, x2: 0, y1: 0, y2: 1 });
  [from, to].forEach((a, i) => ink.scene.put(g, 'stop', `g ${id} ${i}`, { offset: String(i), 'stop-color': `var(--${c})`, 'stop-opacity': String(a) }));
}

/**
 * @param {Ink} ink
 * @param {Gate} g
 * @param {number} y
 * @param {number} w
 * @param {number} row
 * @param {number} W
 */
function drawGate(ink, g, y, w, row, W) {
  const { scene } = ink;
  const on = ink.selected === g.key;
  const e = scene.put(ink.gates, 'g', `gate ${g.key}`, { class: on ? 'gate on' : 'gate', tabindex: '0', role: 'button', 'data-id': g.key, 'aria-pressed': String(on), 'aria-description': gateLabel(g, ink) });
  const key = (/** @type {string} */ k) => `gate ${g.key} ${k}`;
  scene.put(e, 'rect', key('hit'), { class: 'hit', x: 0, y: y - 14, width: W, height: row, rx: 6 });
  if (g.custom) {
    scene.put(e, 'rect', key('capsule'), { x: X - 7, y: y - 8, width: w + 14, height: 16, rx: 5, fill: 'var(--bg)', stroke: 'var(--accent)', 'stroke-width': '1.75' });
    scene.put(e, 'path', key('diamond'), { d: `M${r1(X + w / 2)} ${r1(y - 5)}l5 5-5 5-5-5z`, fill: 'var(--accent)' });
  } else {
    const double = g.split || g.join;
    scene.put(e, 'rect', key('bar'), { x: X - 5, y: y - (double ? 4 : 1.5), width: w + 10, height: double ? 8 : 3, rx: 1.5, class: 'bar1' });
  }
  scene.put(e, 'text', key('name'), { x: X - 14, y: y + 2, 'text-anchor': 'end', class: g.custom ? 'cu' : 'nm' }, g.id);
  scene.put(e, 'text', key('rate'), { x: X - 14, y: y + 17, 'text-anchor': 'end', class: 'rt' }, per(ink, g.after));
}
