// Small line charts, drawn with one path each.

import { h, s, setText } from './dom.js';

/** A series of the last values. */
export class Series {
  /** @param {number} size */
  constructor(size) {
    this.values = new Float64Array(size).fill(NaN);
  }

  /** @param {number | null} v */
  push(v) {
    this.values.copyWithin(0, 1);
    this.values[this.values.length - 1] = v ?? NaN;
  }
}

/**
 * The path of a line through values, which may have gaps at their beginning.
 * @param {ArrayLike<number>} values
 * @param {number} w
 * @param {number} height
 * @param {number} lo
 * @param {number} hi
 */
export function linePath(values, w, height, lo, hi) {
  const k = (height - 4) / (hi - lo || 1);
  const step = w / (values.length - 1);
  let d = '';
  for (let i = 0; i < values.length; i++) {
    const v = values[i];
    if (Number.isNaN(v)) continue;
    d += `${d ? 'L' : 'M'}${(i * step).toFixed(1)} ${(height - 2 - (v - lo) * k).toFixed(1)}`;
  }
  return d;
}

/** One number of the head line with its course. */
export class Cell {
  /**
   * @param {string} label
   * @param {string} unit
   * @param {number} floor the least height of the scale
   */
  constructor(label, unit, floor) {
    this.series = new Series(60);
    this.floor = floor;
    this.value = h('span');
    this.unit = h('span', { class: 'u' }, unit);
    this.dd = h('dd', {}, this.value, this.unit);
    this.dt = h('dt', {}, label);
    this.area = s('path', { class: 'ar' });
    this.line = s('path', { class: 'ln' });
    this.svg = s('svg', { viewBox: '0 0 140 24', preserveAspectRatio: 'none', 'aria-hidden': 'true' }, this.area, this.line);
    this.root = h('div', {}, this.dt, this.dd, h('dd', { class: 'spark' }, this.svg));
  }

  /**
   * @param {string} text
   * @param {string} unit
   * @param {boolean} hot
   */
  show(text, unit, hot) {
    setText(this.value, text);
    setText(this.unit, unit);
    this.root.className = hot ? 'hot' : '';
  }

  /**
   * Adds a value to the course.
   * @param {number | null} v
   */
  push(v) {
    this.series.push(v);
    let lo = Infinity;
    let hi = -Infinity;
    for (const x of this.series.values) {
      if (x < lo) lo = x;
      if (x > hi) hi = x;
    }
    if (hi === -Infinity) return;
    hi = Math.max(hi * 1.04, this.floor);
    lo = Math.min(lo, hi * 0.72);
    const d = linePath(this.series.values, 140, 24, lo, hi);
    this.line.setAttribute('d', d);
    const from = d.slice(1).split(' ')[0];
    this.area.setAttribute('d', d ? `${d}V24H${from}z` : 'M0 0');
  }
}
