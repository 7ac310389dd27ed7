// How numbers are written.

const group = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });

/**
 * A whole number with a comma between thousands.
 * @param {number} n
 */
export const whole = (n) => group.format(Math.round(n));

/**
 * A rate: one digit after the point below ten.
 * @param {number} n
 */
export function rate(n) {
  if (n >= 9.95 || n === 0) return whole(n);
  if (n < 0.05) return '<0.1';
  return n.toFixed(1).replace(/\.0$/, '');
}

/**
 * A number with a fixed number of significant digits for tables.
 * @param {number | null} v
 * @param {number} digits after the point, below ten
 */
export function fixed(v, digits) {
  if (v === null || Number.isNaN(v)) return '–';
  if (v === 0) return '0';
  if (v >= 9999.5) return whole(v);
  return v >= 9.995 ? whole(v) : v.toFixed(digits);
}

/**
 * A duration as two units.
 * @param {number} ms
 */
export function duration(ms) {
  const sec = Math.floor(ms / 1000);
  const d = Math.floor(sec / 86400);
  const hr = Math.floor(sec / 3600) % 24;
  const min = Math.floor(sec / 60) % 60;
  if (d) return `${d} d ${hr} h`;
  if (hr) return `${hr} h ${min} min`;
  if (min) return `${min} min ${sec % 60} s`;
  return `${sec} s`;
}

/**
 * A rate of bytes.
 * @param {number} n bytes per second
 */
export function bytes(n) {
  if (n >= 1e6) return `${(n / 1e6).toFixed(1)} MB/s`;
  if (n >= 1e3) return `${(n / 1e3).toFixed(0)} kB/s`;
  return `${whole(n)} B/s`;
}

/**
 * The time of day.
 * @param {number} ms since 1970
 */
export function clock(ms) {
  const d = new Date(ms);
  return [d.getHours(), d.getMinutes(), d.getSeconds()].map((n) => String(n).padStart(2, '0')).join(':');
}

/**
 * A reason as words.
 * @param {string} reason
 */
export const words = (reason) => reason.replaceAll('_', ' ');
