// The ribbon on a wide screen: width is the root of the rate, drops leave downwards.

import { bytes, rate, whole } from './format.js';
import { sum } from './flow.js';

/** @typedef {import('./flow.js').Gate} Gate */
/** @typedef {import('./flow.js').Flow} Flow */
/** @typedef {import('./scene.js').Scene} Scene */

/**
 * What a drawing needs.
 * @typedef {object} Ink
 * @property {Scene} scene
 * @property {Element} defs
 * @property {Element} back
 * @property {Element} body
 * @property {Element} gates
 * @property {Element} labels
 * @property {Flow} flow
 * @property {number} k thickness is k times the root of the rate
 * @property {string} selected
 * @property {string} unit "/s", or nothing for totals
 * @property {(g: Gate) => [string, number][]} reasons those of the last minute, the most first
 * @property {number} laneIn heights that do not shrink at once
 * @property {number} laneOut
 * @property {boolean} hub
 */

/** @param {number} n */
const r1 = (n) => Math.round(n * 10) / 10;

/**
 * @param {Ink} ink
 * @param {number} n
 */
export const thickness = (ink, n) => (n > 0 ? Math.max(1.5, ink.k * Math.sqrt(n)) : 0);

/**
 * A number with its unit as text.
 * @param {Ink} ink
 * @param {number} n
 */
export const per = (ink, n) => (ink.unit ? rate(n) + ink.unit : whole(n));

/**
 * Describes a gate for screen readers.
 * @param {Gate} g
 * @param {Ink} ink
 */
export function gateLabel(g, ink) {
  const list = [...g.c.map(([l, n]) => `, ${per(ink, n)} consumed as ${l}`), ...g.d.map(([l, n]) => `, ${per(ink, n)} dropped as ${l}`)];
  return `${g.custom ? 'your stage ' : ''}${g.id} ${per(ink, g.after)}: ${per(ink, g.split ? (g.pre ?? 0) : g.before)} in${list.join('')}`;
}

/**
 * Returns the columns of the outbound gates, below those of the inbound ones: seal below aead, pack
 * below ack, the socket below the socket, the others in between.
 * @param {Gate[]} inn
 * @param {Gate[]} out
 */
export function columns(inn, out) {
  const at = (/** @type {string} */ id) => inn.findIndex((g) => g.id === id);
  /** @type {(number | null)[]} */
  const cols = out.map((g, i) => {
    if (i === 0) return inn.length - 1;
    if (i === out.length - 1) return 0;
    if (g.id === 'pack') return at('ack');
    if (g.id === 'seal') return at('aead');
    return null;
  });
  for (let i = 0; i < cols.length; i++) {
    if (cols[i] !== null) continue;
    let j = i;
    while (cols[j] === null) j++;
    const from = /** @type {number} */ (cols[i - 1]);
    const to = /** @type {number} */ (cols[j]);
    for (let n = i; n < j; n++) cols[n] = from + ((to - from) * (n - i + 1)) / (j - i + 1);
  }
  return /** @type {number[]} */ (cols);
}

/**
 * Draws the ribbon and returns its height.
 * @param {Ink} ink
 * @param {number} W
 * @returns {number}
 */
export function drawWide(ink, W) {
  const { scene, back, body, labels, flow } = ink;
  const A = flow.in;
  const B = flow.out;
  const small = W < 1200;
  const n = A.length - 1;
  const xF = small ? 84 : 104;
  const xL = W - (small ? 150 : 196);
  const step = (xL - xF) / n;
  const xr = xL + (small ? 74 : 96);
  const cols = columns(A, B);
  const xa = (/** @type {number} */ i) => xF + i * step;
  const xb = B.map((_, i) => xF + cols[i] * step);
  const iAead = A.findIndex((g) => g.id === 'aead');
  const iAck = A.findIndex((g) => g.split);
  const h = (/** @type {number} */ v) => thickness(ink, v);
  const hA = Math.max(ink.laneIn, ...A.map((g) => h(Math.max(g.before, g.pre ?? 0))));
  const hB = Math.max(ink.laneOut, ...B.map((g) => h(g.before)));
  const FL = small ? 24 : 36;
  const yT = 84;
  const tipA = yT + hA + 40;
  const yB0 = tipA + 60;
  const yO = yB0 + 84;
  const tipB = yO + hB + 36;
  const H = tipB + Math.max(44, h(1e4) + 8); // the legend has its end there

  gradient(ink, 'gi', W, [[0, 'raw', 0], [40, 'raw', 1], [xa(iAead), 'raw', 1], [xa(iAead) + 2, 'safe2', 1], [xa(iAead) + step * 0.9, 'safe', 1], [W, 'safe', 1]]);
  const xSeal = xb[B.findIndex((g) => g.id === 'seal')] ?? xF;
  gradient(ink, 'go', W, [[0, 'safe2', 0], [56, 'safe2', 1], [xSeal, 'safe2', 1], [xSeal + step, 'safe', 1], [W, 'safe', 1]]);

  const veins = Math.max(3, Math.min(16, Math.round((h(flow.accepted) + h(flow.offered)) / 12)));
  let vein = '';
  const strands = (/** @type {number} */ x0, /** @type {number} */ x1, /** @type {number} */ y, /** @type {number} */ hh) => {
    for (let i = 1; i < veins && hh / veins >= 2.2; i++) vein += `M${r1(x0)} ${r1(y + (hh * i) / veins)}H${r1(x1)}`;
  };
  const band = (/** @type {string} */ key, /** @type {number} */ x0, /** @type {number} */ x1, /** @type {number} */ y, /** @type {number} */ hh, /** @type {string} */ g) => {
    if (hh > 0) scene.put(body, 'path', key, { d: `M${r1(Math.max(0, x0 - 0.6))} ${r1(y)}H${r1(x1)}V${r1(y + hh)}H${r1(Math.max(0, x0 - 0.6))}z`, fill: `url(#${g})` });
  };
  const flare = (/** @type {string} */ key, /** @type {number} */ x0, /** @type {number} */ x1, /** @type {number} */ y, /** @type {number} */ h0, /** @type {number} */ h1, /** @type {string} */ g) => {
    const m = (x0 + x1) / 2;
    scene.put(body, 'path', key, { d: `M${r1(x0)} ${r1(y)}H${r1(x1)}V${r1(y + h1)}C${r1(m)} ${r1(y + h1)} ${r1(m)} ${r1(y + h0)} ${r1(x0)} ${r1(y + h0)}z`, fill: `url(#${g})` });
    for (let i = 1; i < veins && Math.max(h0, h1) / veins >= 2.2; i++) {
      const [p, q] = [y + (h0 * i) / veins, y + (h1 * i) / veins];
      vein += `M${r1(x0)} ${r1(p)}C${r1(m)} ${r1(p)} ${r1(m)} ${r1(q)} ${r1(x1)} ${r1(q)}`;
    }
  };
  /** @type {Tag[]} */
  let tags = [];
  const gate = (/** @type {Gate} */ g, /** @type {number} */ x, /** @type {number} */ y, /** @type {number} */ hb, /** @type {number} */ ha, /** @type {number} */ y0, /** @type {number} */ lane) =>
    drawGate(ink, g, { x, y, hb, ha, y0, lane, step });
  const leave = (/** @type {Gate} */ g, /** @type {number} */ x, /** @type {number} */ y, /** @type {number} */ hb, /** @type {number} */ ha, /** @type {number} */ tip, /** @type {string} */ c) => {
    consumed(ink, g, x, y, small ? 10 : 24, c);
    const t = branch(ink, g, { x: x + (g.split || g.join ? (g.dir > 0 ? FL : 0) : 0), y, hb, ha, tip, step, c, small });
    if (t) tags.push(t);
  };
  const place = (/** @type {string} */ lane, /** @type {number} */ y) => {
    spread(tags);
    tags.forEach((t) => drawTag(ink, lane, t, y));
    tags = [];
  };

  // zones
  [[xa(iAead), 'untrusted', 'authenticated'], [xa(iAck), 'packets', 'messages']].forEach(([x, a, b], i) => {
    const at = /** @type {number} */ (x);
    scene.put(back, 'path', `zone${i}`, { class: 'zone', d: `M${r1(at)} ${r1(yT + 20)}V${r1(yB0 + 10)}` });
    if (small && i) return;
    scene.put(labels, 'text', `zone${i}a`, { x: at - 8, y: yB0 - 2, 'text-anchor': 'end', class: 'zn halo' }, String(a));
    scene.put(labels, 'text', `zone${i}b`, { x: at + 8, y: yB0 - 2, class: 'zn halo' }, String(b));
  });

  // inbound
  let x = 0;
  A.forEach((g, i) => {
    const gx = xa(i);
    const pre = h(g.split ? (g.pre ?? 0) : g.before);
    band(`in${g.id}`, x, gx, yT, pre, 'gi');
    if (i > iAck) strands(x, gx, yT, pre);
    if (g.split) flare(`fl${g.id}`, gx, gx + FL, yT, pre, h(g.before), 'gi');
    const hb = h(g.before);
    const ha = h(g.after);
    leave(g, gx, yT, hb, ha, tipA, i <= iAead ? 'raw' : 'safe');
    gate(g, gx, yT, g.split ? pre : hb, ha, 0, yB0 - 14);
    x = gx + (g.split ? FL : 0);
  });
  place('in', tipA + 14);
  const hi = h(flow.accepted);
  const ho = h(flow.offered);
  band('inend', x, xr, yT, hi, 'gi');
  strands(x, xr, yT, hi);

  // the bend through the hub
  const ext = W - xr - 1;
  const ao = ext / 0.75;
  const ai = Math.max(12, ext - (hi + ho) * 0.55) / 0.75;
  if (hi > 0 || ho > 0) {
    scene.put(body, 'path', 'bend', { d: `M${r1(xr)} ${yT}C${r1(xr + ao)} ${yT} ${r1(xr + ao)} ${r1(yO + ho)} ${r1(xr)} ${r1(yO + ho)}V${r1(yO)}C${r1(xr + ai)} ${r1(yO)} ${r1(xr + ai)} ${r1(yT + hi)} ${r1(xr)} ${r1(yT + hi)}z`, fill: 'var(--safe)' });
  }
  for (let i = 1; i < veins && Math.max(hi, ho) / veins >= 2.2; i++) {
    const t = i / veins;
    const a = ao + (ai - ao) * t;
    const p = yT + hi * t;
    const q = yO + ho * (1 - t);
    vein += `M${r1(xr)} ${r1(p)}C${r1(xr + a)} ${r1(p)} ${r1(xr + a)} ${r1(q)} ${r1(xr)} ${r1(q)}`;
  }

  // outbound, from right to left
  x = xr;
  const iPack = B.findIndex((g) => g.join);
  B.forEach((g, i) => {
    const gx = xb[i];
    const hb = h(g.before);
    const ha = h(g.after);
    const xe = gx + (g.join ? FL : 0);
    band(`out${g.id}`, xe, x, yO, hb, 'go');
    if (i <= iPack) strands(xe, x, yO, hb);
    if (g.join) flare(`flo${g.id}`, gx, xe, yO, ha, hb, 'go');
    leave(g, g.join ? xe : gx, yO, hb, g.join ? hb : ha, tipB, 'safe');
    gate(g, gx, yO, g.join ? ha : hb, ha, yB0, H - yB0 - 2);
    x = gx;
  });
  place('out', tipB + 14);
  band('outend', 0, x, yO, h(flow.wireOut), 'go');
  scene.put(labels, 'path', 'veins', { class: 'vein', d: vein || 'M0 0' });
  const fy = yT + h(flow.in[iAead]?.after ?? 0) / 2;
  const gy = yO + h(flow.wireOut) / 2;
  scene.put(labels, 'path', 'dashes', { class: 'flow', d: `M20 ${r1(fy)}H${r1(xa(iAck) - 14)}M${r1(xb[iPack] - 14)} ${r1(gy)}H24` });

  // ends, hub, legend
  const mid = (yT + hi + yO) / 2;
  const hx = xr + ai * 0.75 - 14;
  const put = (/** @type {string} */ key, /** @type {number} */ tx, /** @type {number} */ ty, /** @type {string} */ cls, /** @type {string} */ text, anchor = 'start') =>
    scene.put(labels, 'text', key, { x: tx, y: ty, class: cls, 'text-anchor': anchor }, text);
  put('wi', 0, 26, 'nm', 'wire');
  put('wir', 0, 43, 'rt', per(ink, flow.wireIn));
  put('wo', 0, yB0 + 26, 'nm', 'wire');
  put('wor', 0, yB0 + 43, 'rt', per(ink, flow.wireOut));
  if (ink.unit) put('mb', (xb[B.length - 1] + xSeal) / 2, yB0 + 43, 'cap', `${bytes(flow.bytesOut)}${small ? '' : `, ${rate(flow.perCall)} ${rate(flow.perCall) === '1' ? 'packet' : 'packets'} per call`}`, 'middle');
  put('hub', hx, mid - 8, 'big', ink.hub ? 'hub' : 'program', 'end');
  if (flow.accepted > 0.5) put('fan', hx, mid + 10, 'rt', `${small ? '' : 'fan-out '}${(flow.offered / flow.accepted).toFixed(1)}×`, 'end');
  legend(ink, xb[B.length - 1] + 40, yO + h(flow.wireOut) + 36, Math.min(200, step * 1.9));
  return H;
}

/**
 * @param {Ink} ink
 * @param {string} id
 * @param {number} W
 * @param {[number, string, number][]} stops x, colour, opacity
 */
function gradient(ink, id, W, stops) {
  const g = ink.scene.put(ink.defs, 'linearGradient', `g ${id}`, { id, gradientUnits: 'userSpaceOnUse', x1: 0, x2: W, y1: 0, y2: 0 });
  stops.forEach(([x, c, a], i) => ink.scene.put(g, 'stop', `g ${id} ${i}`, { offset: String(Math.round((x / W) * 1e4) / 1e4), 'stop-color': `var(--${c})`, 'stop-opacity': String(a) }));
}

/**
 * A label of a branch: its centre, width, and lines.
 * @typedef {object} Tag
 * @property {string} key
 * @property {number} cx
 * @property {number} w
 * @property {boolean} big
 * @property {[string, string][]} lines
 */

/**
 * Draws what a stage drops: the slice that leaves has exactly the height that the trunk loses, and takes
 * its own width on the way.
 * @param {Ink} ink
 * @param {Gate} g
 * @param {{x: number, y: number, hb: number, ha: number, tip: number, step: number, c: string, small: boolean}} at
 * @returns {Tag | null}
 */
function branch(ink, g, at) {
  const reasons = ink.reasons(g);
  if (!reasons.length) return null;
  const { x, y, hb, ha, tip, step, c, small } = at;
  const sgn = g.dir;
  const total = sum(g.d);
  const w = Math.min(Math.max(thickness(ink, total), 1.5), step * 0.74);
  const y1 = y + ha;
  const y2 = y + hb;
  const e = x + sgn * 12;
  const ew = x + sgn * (12 + w);
  const q = Math.max(Math.min(w * 0.9 + 16, tip - y1 - 8), 4);
  const q2 = Math.max(Math.min(20, tip - y2 - 6), 4);
  const id = `b-${g.key.replace(/\W/g, '-')}`;
  const fr = Math.min(0.42, (y2 - y1 + 14) / (tip - y1));
  const grad = ink.scene.put(ink.defs, 'linearGradient', `g ${id}`, { id, gradientUnits: 'userSpaceOnUse', x1: 0, x2: 0, y1, y2: tip });
  [[0, c, 1], [fr, 'warm', 1], [0.8, 'warm', 1], [1, 'warm', 0.15]].forEach(([o, col, a], i) =>
    ink.scene.put(grad, 'stop', `g ${id} ${i}`, { offset: String(Math.round(Number(o) * 100) / 100), 'stop-color': `var(--${col})`, 'stop-opacity': String(a) }));
  ink.scene.put(ink.body, 'path', id, {
    class: total > 0 ? 'br' : 'br old', 'data-drop': reasons[0][0],
    d: `M${r1(x)} ${r1(y1)}C${r1(x + sgn * (10 + w * 0.7))} ${r1(y1)} ${r1(ew)} ${r1(y1 + q * 0.35)} ${r1(ew)} ${r1(y1 + q)}V${r1(tip)}H${r1(e)}V${r1(y2 + q2)}C${r1(e)} ${r1(y2 + q2 * 0.4)} ${r1(x + sgn * 9)} ${r1(y2)} ${r1(x)} ${r1(y2)}z`,
    fill: `url(#${id})`,
  });
  /** @type {[string, string][]} */
  const lines = reasons.slice(0, 2).map(([l, v]) => [l, per(ink, v)]);
  if (reasons.length > 2) lines.push([`+${reasons.length - 2} more`, '']);
  const big = total > (small ? 5000 : 1000) && lines.length === 1;
  const width = Math.max(...lines.map(([a, b]) => (lines.length === 1 ? Math.max(a.length * (big ? 8.8 : 7.1), b.length * 7) : (a.length + b.length + 1) * 6.9)));
  return { key: g.key, cx: (e + ew) / 2, w: width, big, lines };
}

/**
 * Moves labels of neighbouring branches apart.
 * @param {Tag[]} tags
 */
export function spread(tags) {
  tags.sort((a, b) => a.cx - b.cx);
  for (let k = 0; k < 6; k++) {
    for (let i = 1; i < tags.length; i++) {
      const over = (tags[i - 1].w + tags[i].w) / 2 + 8 - (tags[i].cx - tags[i - 1].cx);
      if (over > 0) {
        tags[i - 1].cx -= over / 2;
        tags[i].cx += over / 2;
      }
    }
    if (tags.length) tags[0].cx = Math.max(tags[0].cx, tags[0].w / 2);
  }
}

/**
 * @param {Ink} ink
 * @param {string} lane
 * @param {Tag} t
 * @param {number} y
 */
function drawTag(ink, lane, t, y) {
  const put = (/** @type {string} */ key, /** @type {number} */ ty, /** @type {string} */ cls, /** @type {string} */ text) =>
    ink.scene.put(ink.labels, 'text', `tag ${lane} ${t.key} ${key}`, { x: t.cx, y: ty, 'text-anchor': 'middle', class: `halo ${cls}` }, text);
  if (t.lines.length === 1) {
    put('0', y, `dr${t.big ? ' hi' : ''}`, t.lines[0][0]);
    put('0n', y + (t.big ? 20 : 16), `dn${t.big ? ' hi' : ''}`, t.lines[0][1]);
    return;
  }
  t.lines.forEach(([l, v], i) => put(String(i), y + 15 * i, 'dr', v ? `${l} ${v}` : l));
}

/**
 * Draws what a stage consumes, upwards.
 * @param {Ink} ink
 * @param {Gate} g
 * @param {number} x
 * @param {number} y
 * @param {number} most the largest width
 * @param {string} c
 */
function consumed(ink, g, x, y, most, c) {
  if (!g.c.length) return;
  const n = sum(g.c);
  const s = g.dir;
  const w = Math.min(thickness(ink, n), most);
  const t = y - 14;
  const e = x + s * (10 + w);
  ink.scene.put(ink.body, 'path', `c ${g.key}`, {
    d: `M${r1(x)} ${r1(y)}C${r1(x + s * 8)} ${r1(y)} ${r1(x + s * 10)} ${r1(y - 4)} ${r1(x + s * 10)} ${r1(t)}H${r1(e)}C${r1(e)} ${r1(y - 2)} ${r1(e + s * 2)} ${r1(y)} ${r1(e + s * 6)} ${r1(y)}z`,
    fill: `var(--${c})`,
  });
  const anchor = s > 0 ? 'start' : 'end';
  ink.scene.put(ink.labels, 'text', `cl ${g.key}`, { x: e + s * 6, y: y - 20, 'text-anchor': anchor, class: 'cap halo' }, g.c.length > 1 ? 'consumed' : g.c[0][0]);
  ink.scene.put(ink.labels, 'text', `cn ${g.key}`, { x: e + s * 6, y: y - 6, 'text-anchor': anchor, class: 'dn halo' }, per(ink, n));
}

/**
 * @param {Ink} ink
 * @param {Gate} g
 * @param {{x: number, y: number, hb: number, ha: number, y0: number, lane: number, step: number}} at
 */
function drawGate(ink, g, at) {
  const { scene } = ink;
  const { x, y, hb, y0, lane, step } = at;
  const e = scene.put(ink.gates, 'g', `gate ${g.key}`, {
    class: ink.selected === g.key ? 'gate on' : 'gate', tabindex: '0', role: 'button', 'data-id': g.key, 'aria-pressed': String(ink.selected === g.key), 'aria-description': gateLabel(g, ink),
  });
  const key = (/** @type {string} */ k) => `gate ${g.key} ${k}`;
  scene.put(e, 'rect', key('hit'), { class: 'hit', x: x - step / 2 + 11, y: y0 - 4, width: Math.max(step - 22, 20), height: lane, rx: 8 });
  if (g.custom) {
    scene.put(e, 'rect', key('capsule'), { x: x - 9, y: y - 7, width: 18, height: hb + 14, rx: 5, fill: 'var(--bg)', stroke: 'var(--accent)', 'stroke-width': '1.75' });
    scene.put(e, 'path', key('diamond'), { d: `M${r1(x)} ${r1(y + hb / 2 - 5)}l5 5-5 5-5-5z`, fill: 'var(--accent)' });
    scene.put(e, 'text', key('tag'), { x, y: y0 + 10, 'text-anchor': 'middle', class: 'tag' }, 'your stage');
  } else {
    const bars = g.split || g.join ? [0, 6] : [0];
    bars.forEach((o) => scene.put(e, 'rect', key(`bar${o}`), { x: x - 1.5 - o, y: y - 6, width: 3, height: hb + 12, rx: 1.5, class: 'bar1' }));
  }
  scene.put(e, 'text', key('name'), { x, y: y0 + 26, 'text-anchor': 'middle', class: g.custom ? 'cu' : 'nm' }, g.id);
  scene.put(e, 'text', key('rate'), { x, y: y0 + 43, 'text-anchor': 'middle', class: 'rt' }, per(ink, g.after));
  scene.put(e, 'path', key('lead'), { d: `M${r1(x)} ${y0 + 50}V${r1(Math.max(y - (g.custom ? 8 : 7), y0 + 50))}`, class: 'lead' });
}

/**
 * The horn that explains the widths.
 * @param {Ink} ink
 * @param {number} x
 * @param {number} y
 * @param {number} w
 */
function legend(ink, x, y, w) {
  const { scene, labels } = ink;
  let horn = `M${r1(x)} ${r1(y)}H${r1(x + w)}`;
  for (let i = 40; i >= 0; i--) horn += `L${r1(x + (w * i) / 40)} ${r1(y + thickness(ink, 10 ** (i / 10)))}`;
  scene.put(labels, 'path', 'horn', { d: `${horn}z`, fill: 'var(--raw2)' });
  ['1', '10', '100', '1k', '10k'].forEach((t, i) => {
    const at = x + (w * i) / 4;
    scene.put(labels, 'path', `horn${i}`, { d: `M${r1(at)} ${r1(y - 5)}v4`, class: 'lead' });
    scene.put(labels, 'text', `hornt${i}`, { x: at, y: y - 10, 'text-anchor': 'middle', class: 'cap' }, t + (i === 4 ? ink.unit : ''));
  });
  scene.put(labels, 'text', 'horn a', { x, y: y + 26, class: 'cap halo' }, 'Width follows √rate,');
  scene.put(labels, 'text', 'horn b', { x, y: y + 42, class: 'cap halo' }, 'at least 1.5 px');
}
