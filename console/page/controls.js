// The controls of a demonstration: sliders and buttons.

import { byId, h, one, setText } from './dom.js';
import { whole } from './format.js';

/** @typedef {import('./types.js').Setting} Setting */

export class Controls {
  constructor() {
    this.box = one('#controls .knobs');
    /** @type {Map<string, {input: HTMLInputElement | HTMLElement, out: HTMLElement | null, held: number}>} */
    this.knobs = new Map();
  }

  /** @param {Setting[] | undefined} settings */
  hello(settings) {
    byId('controls').hidden = !settings?.length;
    if (!settings) return;
    const same = settings.every((s) => this.knobs.has(s.name)) && settings.length === this.knobs.size;
    if (same) return;
    this.knobs.clear();
    this.box.replaceChildren(...settings.map((s) => (s.max > s.min ? (s.max === 1 && s.step === 1 ? this.toggle(s) : this.slider(s)) : this.button(s))));
  }

  /** @param {Setting} s */
  slider(s) {
    const out = h('output', { for: `knob-${s.name}` }, value(s));
    const input = /** @type {HTMLInputElement} */ (h('input', { type: 'range', id: `knob-${s.name}`, min: s.min, max: s.max, step: s.step, value: s.value }));
    const knob = { input, out, held: 0 };
    this.knobs.set(s.name, knob);
    input.addEventListener('input', () => {
      knob.held = performance.now();
      setText(out, value({ ...s, value: Number(input.value) }));
    });
    input.addEventListener('change', () => this.send(s.name, Number(input.value)));
    return h('div', { class: 'knob' }, h('label', { for: `knob-${s.name}` }, s.label), out, input);
  }

  /** @param {Setting} s */
  toggle(s) {
    const b = h('button', { class: 'btn', type: 'button', 'aria-pressed': String(s.value === 1), 'data-knob': s.name }, s.label);
    this.knobs.set(s.name, { input: b, out: null, held: 0 });
    b.addEventListener('click', () => this.send(s.name, b.getAttribute('aria-pressed') === 'true' ? 0 : 1));
    return h('div', { class: 'knob' }, b);
  }

  /** @param {Setting} s */
  button(s) {
    const b = h('button', { class: 'btn', type: 'button', 'data-knob': s.name }, s.label);
    this.knobs.set(s.name, { input: b, out: null, held: 0 });
    b.addEventListener('click', () => this.send(s.name, 1));
    return h('div', { class: 'knob' }, b);
  }

  /** @param {Setting[] | undefined} settings */
  update(settings) {
    for (const s of settings ?? []) {
      const k = this.knobs.get(s.name);
      if (!k) continue;
      if (k.input instanceof HTMLInputElement) {
        if (performance.now() - k.held < 1500) continue;
        k.input.value = String(s.value);
        if (k.out) setText(k.out, value(s));
      } else if (s.max > s.min) k.input.setAttribute('aria-pressed', String(s.value === 1));
    }
  }

  /**
   * @param {string} name
   * @param {number} v
   */
  async send(name, v) {
    try {
      const answer = await fetch('api/control', { method: 'POST', body: JSON.stringify({ name, value: v }) });
      if (!answer.ok) throw new Error(await answer.text());
      this.update(await answer.json());
      setText(byId('control-note'), 'Everything below reacts to these controls');
    } catch (e) {
      setText(byId('control-note'), e instanceof Error ? e.message : 'failed');
    }
  }
}

/** @param {Setting} s */
const value = (s) => `${whole(s.value)}${s.unit ? ` ${s.unit}` : ''}`;
