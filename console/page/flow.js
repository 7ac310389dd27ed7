// What flows through the chain: the gates of both directions with their rates, and the laws.
// Nothing here knows of the screen.

import { words } from './format.js';

/** @typedef {import('./types.js').Hello} Hello */
/** @typedef {import('./types.js').Frame} Frame */
/** @typedef {import('./types.js').ChainTotals} ChainTotals */
/** @typedef {import('./types.js').ChainPlan} ChainPlan */

/**
 * A gate of the ribbon. Numbers are per second, or since the start.
 * @typedef {object} Gate
 * @property {string} id
 * @property {string} key unique in both directions
 * @property {1 | -1} dir
 * @property {boolean} custom
 * @property {[string, number][]} c consumed, by label
 * @property {[string, number][]} d dropped, by reason, the most first
 * @property {number} before what arrives, as messages if the gate splits
 * @property {number} after what leaves
 * @property {number} [pre] packets that arrive at a gate that splits
 * @property {boolean} [split]
 * @property {boolean} [join]
 */

/**
 * A law: in = accepted + consumed + drops.
 * @typedef {object} Law
 * @property {string} name
 * @property {number} accepted
 * @property {number} consumed
 * @property {number} drops
 * @property {boolean} holds
 */

/**
 * @typedef {object} Flow
 * @property {Gate[]} in
 * @property {Gate[]} out
 * @property {Law[]} laws packets in, messages in, messages out, packets out
 * @property {number} wireIn
 * @property {number} wireOut
 * @property {number} accepted messages that reach the program or the hub
 * @property {number} offered messages that enter the queues
 * @property {number} bytesOut
 * @property {number} perCall packets per send call
 * @property {number} drops of both directions
 */

const CONSUMED = /** @type {Record<string, string>} */ ({ cookie: 'challenged', header: 'handshakes', ack: 'held for order' });

/**
 * Returns by how much each counter has grown, per second; without an earlier frame, the counters.
 * @param {Hello} hello
 * @param {Frame} now
 * @param {Frame | null} before
 * @returns {Flow}
 */
export function flowOf(hello, now, before) {
  const span = before ? Math.max((now.up - before.up) / 1000, 0.001) : 1;
  /** @param {(f: Frame) => number} read */
  const grown = (read) => Math.max(read(now) - (before ? read(before) : 0), 0) / span;
  const inn = side(hello.in, now.in, before?.in, span);
  const out = side(hello.out, now.out, before?.out, span);

  /** @type {[string, number][]} */
  const lost = positive([['overflow', grown((f) => f.sock[1])], ['read loss', grown((f) => f.sock[2])]]);
  /** @type {[string, number][]} */
  const unsent = positive([['write loss', grown((f) => f.sock[4])], ['send buffer full', grown((f) => f.sock[5])]]);
  const queueDrops = positive(hello.queue.map((name, i) => [words(name), grown((f) => f.queue[i + 1])]));
  const superseded = positive([['superseded', grown((f) => f.queue[0])]]);

  const wireIn = inn.p[0] + sum(lost);
  const gatesIn = [gate('socket', 1, false, wireIn, [], lost)];
  let r = inn.p[0];
  let messages = false;
  hello.in.stages.forEach((id, i) => {
    const st = inn.stages[i];
    const label = CONSUMED[id] ?? 'consumed';
    if (id === 'ack') {
      const c = positive([['acknowledgements', st.cp], [label, st.cm]]);
      const g = gate(id, 1, false, inn.m[0], positive([[label, st.cm]]), st.dm);
      g.c = c;
      g.d = most([...st.dm, ...st.dp]);
      g.split = true;
      g.pre = r;
      gatesIn.push(g);
      r = g.after;
      messages = true;
      return;
    }
    const c = positive([[label, messages ? st.cm : st.cp]]);
    const g = gate(id, 1, hello.in.custom[i], r, c, messages ? st.dm : st.dp);
    gatesIn.push(g);
    r = g.after;
  });
  /** @type {[string, number][]} */
  let hubDrops = [];
  /** @type {[string, number][]} */
  let control = [];
  if (hello.hub && now.hub) {
    hubDrops = positive((hello.hubDrops ?? []).map((name, i) => [words(name), grown((f) => (f.hub ? f.hub[8 + i] : 0))]));
    control = positive([['control', grown((f) => (f.hub ? f.hub[7] : 0))]]);
    gatesIn.push(gate('publish', 1, false, r, control, hubDrops));
  } else {
    const app = positive([['overwritten', grown((f) => f.app)]]);
    if (sum(app)) gatesIn.push(gate('receive', 1, false, r, [], app));
    hubDrops = app;
  }
  r = gatesIn[gatesIn.length - 1].after;
  const accepted = r;

  const offered = out.m[0] + sum(superseded) + sum(queueDrops);
  const gatesOut = [gate('queue', -1, false, offered, superseded, queueDrops)];
  r = out.m[0];
  let packed = false;
  hello.out.stages.forEach((id, i) => {
    const st = out.stages[i];
    const g = gate(id, -1, hello.out.custom[i], r, positive([['consumed', packed ? st.cp : st.cm]]), packed ? st.dp : st.dm);
    if (id === 'pack') {
      g.join = true;
      g.after = out.p[0];
      packed = true;
    }
    gatesOut.push(g);
    r = g.after;
  });
  const g = gate('socket', -1, false, r, [], unsent);
  gatesOut.push(g);

  const laws = [
    law('Packets in', inn.p, inn.dp, sum(lost), 0, now.in, 'p'),
    law('Messages in', inn.m, inn.dm, sum(hubDrops), sum(control), now.in, 'm'),
    law('Messages out', out.m, out.dm, sum(queueDrops), sum(superseded), now.out, 'm'),
    law('Packets out', out.p, out.dp, sum(unsent), 0, now.out, 'p'),
  ];
  laws[1].accepted = Math.max(laws[1].accepted - sum(hubDrops) - sum(control), 0);
  laws[3].accepted = Math.max(laws[3].accepted - sum(unsent), 0);
  const calls = grown((f) => f.sock[8]);
  return {
    in: gatesIn, out: gatesOut, laws, wireIn, wireOut: g.after, accepted, offered,
    bytesOut: grown((f) => f.sock[7]), perCall: calls ? grown((f) => f.sock[3]) / calls : 0,
    drops: laws.reduce((n, l) => n + l.drops, 0),
  };
}

/**
 * @param {string} id
 * @param {1 | -1} dir
 * @param {boolean} custom
 * @param {number} before
 * @param {[string, number][]} c
 * @param {[string, number][]} d
 * @returns {Gate}
 */
function gate(id, dir, custom, before, c, d) {
  return { id, key: dir < 0 ? `out ${id}` : id, dir, custom, c, d: most(d), before, after: Math.max(before - sum(c) - sum(d), 0) };
}

/** @param {[string, number][]} list */
export const sum = (list) => list.reduce((n, [, v]) => n + v, 0);

/** @param {[string, number][]} list */
const positive = (list) => list.filter(([, v]) => v > 0);

/** @param {[string, number][]} list */
const most = (list) => [...list].sort((a, b) => b[1] - a[1]);

/**
 * The growth of one direction.
 * @param {ChainPlan} plan
 * @param {ChainTotals} now
 * @param {ChainTotals | undefined} before
 * @param {number} span
 */
function side(plan, now, before, span) {
  /** @type {{dp: [string, number][], dm: [string, number][], cp: number, cm: number}[]} */
  const stages = plan.stages.map(() => ({ dp: [], dm: [], cp: 0, cm: 0 }));
  const place = new Map(plan.stages.map((name, i) => [name, i]));
  const oldDrops = new Map((before?.d ?? []).map((row) => [row[0], row]));
  const oldConsumed = new Map((before?.c ?? []).map((row) => [row[0], row]));
  let dp = 0;
  let dm = 0;
  for (const [row, p, m] of now.d) {
    const [stage, reason] = plan.drops[row];
    const old = oldDrops.get(row);
    const packets = Math.max(p - (old ? old[1] : 0), 0) / span;
    const messages = Math.max(m - (old ? old[2] : 0), 0) / span;
    dp += packets;
    dm += messages;
    const st = stages[place.get(stage) ?? 0];
    if (packets) st.dp.push([words(reason), packets]);
    if (messages) st.dm.push([words(reason), messages]);
  }
  for (const [row, p, m] of now.c) {
    const old = oldConsumed.get(row);
    stages[row].cp = Math.max(p - (old ? old[1] : 0), 0) / span;
    stages[row].cm = Math.max(m - (old ? old[2] : 0), 0) / span;
  }
  /** @param {'p' | 'm'} k */
  const three = (k) => now[k].map((n, i) => Math.max(n - (before ? before[k][i] : 0), 0) / span);
  return { stages, p: three('p'), m: three('m'), dp, dm };
}

/**
 * The law of one level. Whether it holds is decided by the chain's own counters since the
 * start, which are counted independently of each other.
 * @param {string} name
 * @param {number[]} level
 * @param {number} drops
 * @param {number} lost outside of the chain
 * @param {number} taken outside of the chain
 * @param {ChainTotals} totals
 * @param {'p' | 'm'} k
 * @returns {Law}
 */
function law(name, level, drops, lost, taken, totals, k) {
  const dropped = totals.d.reduce((n, row) => n + row[k === 'p' ? 1 : 2], 0);
  const [i, a, c] = totals[k];
  return { name, accepted: level[1], consumed: level[2] + taken, drops: drops + lost, holds: i === a + c + dropped };
}
