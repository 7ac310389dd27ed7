// The connection to the server: one EventSource, closed while the tab is hidden or the page paused.

import { byId, setText } from './dom.js';

/** @typedef {import('./types.js').Hello} Hello */
/** @typedef {import('./types.js').Frame} Frame */

export class Stream {
  /**
   * @param {string} url
   * @param {(h: Hello) => void} hello
   * @param {(f: Frame) => void} frame
   */
  constructor(url, hello, frame) {
    this.url = url;
    this.onHello = hello;
    this.onFrame = frame;
    /** @type {EventSource | null} */
    this.source = null;
    this.paused = false;
    this.skipped = 0;
    /** @type {number[]} */
    this.times = [];
    document.addEventListener('visibilitychange', () => this.settle());
    byId('pause').addEventListener('click', () => {
      this.paused = !this.paused;
      byId('pause').setAttribute('aria-pressed', String(this.paused));
      setText(byId('pause'), this.paused ? 'Resume' : 'Pause');
      this.settle();
    });
    setInterval(() => this.status(), 1000);
    this.settle();
  }

  /** Opens or closes the connection. */
  settle() {
    const want = !this.paused && !document.hidden;
    if (want && !this.source) this.open();
    if (!want && this.source) {
      this.source.close();
      this.source = null;
    }
    this.status();
  }

  open() {
    const source = new EventSource(this.url);
    this.source = source;
    source.addEventListener('hello', (e) => {
      this.times = [];
      this.onHello(JSON.parse(e.data));
    });
    source.onmessage = (e) => {
      const f = /** @type {Frame} */ (JSON.parse(e.data));
      this.times.push(performance.now());
      if (f.skipped) this.skipped = performance.now();
      this.onFrame(f);
    };
    source.onerror = () => {
      // After a refusal the browser does not try again by itself.
      if (source.readyState === EventSource.CLOSED && this.source === source) {
        this.source = null;
        setTimeout(() => this.settle(), 2000);
      }
      this.status();
    };
  }

  status() {
    const now = performance.now();
    this.times = this.times.filter((t) => now - t < 2000);
    const live = byId('live');
    const label = /** @type {Element} */ (live.lastElementChild);
    let text = `Live, ${Math.min(Math.round(this.times.length / 2), 10)}/s`;
    let state = 'on';
    if (this.paused) [text, state] = ['Paused', 'off'];
    else if (document.hidden) [text, state] = ['Hidden', 'off'];
    else if (!this.times.length) [text, state] = ['Reconnecting', 'lost'];
    else if (this.skipped && now - this.skipped < 5000) text += ', slow browser';
    if (live.dataset.state !== state) live.dataset.state = state;
    setText(label, text);
    document.body.classList.toggle('stale', state === 'lost');
  }
}
