// The head line: name, verdict and eight numbers.

import { byId, one, s, setMarked, setText } from './dom.js';
import { duration, rate, whole } from './format.js';
import { Cell } from './charts.js';

/** @typedef {import('./types.js').Hello} Hello */
/** @typedef {import('./types.js').Frame} Frame */
/** @typedef {import('./flow.js').Flow} Flow */

const MARKS = /** @type {Record<string, string[]>} */ ({
  good: ['M20 1.5a18.5 18.5 0 1 0 0 37a18.5 18.5 0 1 0 0-37z', 'M12 20.5l5.6 5.6L28.5 14.5'],
  warning: ['M20 3.5L38 35.5H2z', 'M20 14.5v10.5M20 29.6v.4'],
  bad: ['M13 2.5h14L37.5 13v14L27 37.5H13L2.5 27V13z', 'M20 11v11M20 28.6v.4'],
  unknown: ['M20 1.5a18.5 18.5 0 1 0 0 37a18.5 18.5 0 1 0 0-37z', 'M12 20h.4M20 20h.4M28 20h.4'],
});

/** What p50 and p99 are of, in a report. */
const KINDS = { age: 'age at the handler', hub: 'age at the hub', rtt: 'round trips' };

export class Head {
  constructor() {
    this.mark = one('#verdict .mark');
    this.outline = s('path', { class: 'outline' });
    this.sign = s('path', { class: 'sign' });
    this.mark.append(this.outline, this.sign);
    this.cells = {
      peers: new Cell('Peers', '', 1), in: new Cell('Updates in', '/s', 1), out: new Cell('Updates out', '/s', 1), delivery: new Cell('Delivery', '%', 100),
      p50: new Cell('Age, p50', 'ms', 0.5), p99: new Cell('Age, p99', 'ms', 1), cpu: new Cell('CPU', 'cores', 0.1), drops: new Cell('Drops in the chain', '/s', 5),
    };
    byId('strip').append(...Object.values(this.cells).map((c) => c.root));
    this.second = 0;
    this.report = '';
    byId('copy').addEventListener('click', () => this.copy());
  }

  /** @param {Hello} hello */
  hello(hello) {
    setText(byId('name'), hello.name);
    setText(byId('key'), `${hello.key.slice(0, 19)}…`);
    byId('key').title = hello.key;
    setText(byId('addr'), hello.addr);
    setText(byId('version'), hello.version ?? '');
    document.title = `${hello.name}, intentra`;
    const what = { age: 'Age', hub: 'Age at the hub', rtt: 'RTT' }[hello.ageKind];
    setText(this.cells.p50.dt, `${what}, p50`);
    setText(this.cells.p99.dt, `${what}, p99`);
  }

  /**
   * @param {Hello} hello
   * @param {Frame} f
   * @param {Flow | null} flow
   */
  update(hello, f, flow) {
    setText(byId('up'), duration(f.up));
    const v = f.v;
    const names = { good: 'Good.', warning: 'Warning.', bad: 'Bad.', unknown: '' };
    const lvl = one('#verdict .lvl');
    const verdict = byId('verdict');
    if (verdict.dataset.level !== v.level) {
      verdict.dataset.level = v.level;
      const [outline, sign] = MARKS[v.level];
      this.outline.setAttribute('d', outline);
      this.sign.setAttribute('d', sign);
    }
    setText(lvl, names[v.level]);
    setText(one('#verdict .head'), v.head);
    const since = v.for >= 5 && v.level !== 'good' && v.level !== 'unknown' ? `For ${duration(v.for * 1000)}: ` : '';
    setMarked(one('#verdict p'), since + v.why);
    const show = byId('show');
    show.hidden = !v.peer;
    show.dataset.peer = v.peer ?? '';
    if (v.peer) setText(show, `Show ${v.peer}`);
    this.report = [`${hello.name} ${hello.version ?? ''} ${new Date(f.now).toISOString()}`, `${names[v.level]} ${v.head}`, v.why.replaceAll('*', ''),
      `peers ${f.connected} of ${f.expected}, delivery ${f.delivery ?? '-'} %, ${KINDS[f.kind]}: p50 ${f.p50 ?? '-'} ms, p99 ${f.p99 ?? '-'} ms, CPU ${f.cpu ?? '-'} cores`,
      JSON.stringify({ in: f.in, out: f.out, sock: f.sock, queue: f.queue, hub: f.hub, misc: f.misc })].join('\n');
    this.numbers(hello, f, flow);
  }

  /**
   * @param {Hello} hello
   * @param {Frame} f
   * @param {Flow | null} flow
   */
  numbers(hello, f, flow) {
    const c = this.cells;
    const ms = (/** @type {number | null} */ v) => (v === null ? '–' : v < 9.95 ? v.toFixed(1) : whole(v));
    const late = (/** @type {number | null} */ v) => v !== null && v > hello.ageLimit;
    c.peers.show(whole(f.connected), f.expected > f.connected ? `of ${whole(f.expected)}` : '', f.expected > f.connected);
    c.delivery.show(f.delivery === null ? '–' : f.delivery === 100 ? '100' : (Math.floor(f.delivery * 100) / 100).toFixed(2), '%', f.delivery !== null && f.delivery < 99.9);
    // Without a topic whose updates carry a stamp, a hub knows no ages.
    const unknown = f.kind !== hello.ageKind;
    const [p50, p99] = unknown ? [null, null] : [f.p50, f.p99];
    const unit = unknown ? 'no stamped topics' : p50 === null && f.kind !== 'rtt' ? 'no updates' : 'ms';
    c.p50.show(ms(p50), unit, late(p50));
    c.p99.show(ms(p99), unit, late(p99));
    c.cpu.show(f.cpu === null ? '–' : f.cpu.toFixed(2), `of ${hello.cores} cores`, f.cpu !== null && f.cpu > 0.9 * hello.cores);
    if (flow) {
      c.in.show(whole(flow.accepted), '/s', false);
      c.out.show(whole(flow.out.find((g) => g.join)?.before ?? 0), '/s', false);
      c.drops.show(rate(flow.drops), '/s', flow.drops >= 100);
    }
    const second = Math.floor(f.now / 1000);
    if (second === this.second) return;
    this.second = second;
    c.peers.push(f.connected);
    c.delivery.push(f.delivery);
    c.p50.push(p50);
    c.p99.push(p99);
    c.cpu.push(f.cpu);
    if (flow) {
      c.in.push(flow.accepted);
      c.out.push(flow.out.find((g) => g.join)?.before ?? 0);
      c.drops.push(flow.drops);
    }
  }

  async copy() {
    const button = byId('copy');
    try {
      await navigator.clipboard.writeText(this.report);
      setText(button, 'Copied');
    } catch {
      setText(button, 'Not allowed here');
    }
    setTimeout(() => setText(button, 'Copy report'), 2000);
  }
}
