// The page: passes each message of the server to the parts, and draws at most once per frame of the screen.

import { byId, forgetColours, one } from './dom.js';
import { Chain } from './chain.js';
import { Cell } from './charts.js';
import { Controls } from './controls.js';
import { Events } from './events.js';
import { Head } from './head.js';
import { Heat } from './heat.js';
import { Positions } from './map.js';
import { Peers } from './peers.js';
import { Sections } from './sections.js';
import { Stream } from './stream.js';
import { Topics } from './topics.js';

/** @typedef {import('./types.js').Hello} Hello */
/** @typedef {import('./types.js').Frame} Frame */

const WINDOW = 1000; // over which rates are measured, in ms

const head = new Head();
const chain = new Chain();
const heat = new Heat();
const topics = new Topics();
const events = new Events();
const controls = new Controls();
const sections = new Sections();
const map = new Positions((id) => topics.all.get(id), (name) => peers.reveal(name));
const peers = new Peers((name) => {
  map.selected = name;
  map.draw();
});
/** @type {Map<string, Cell>} */
const runtime = new Map();

/** @type {Hello | null} */
let hello = null;
/** @type {Frame[]} */
let recent = [];
let drawn = true;

/**
 * Takes the first message of a connection.
 * @param {Hello} h
 */
export function begin(h) {
  hello = h;
  recent = [];
  for (const part of [peers, topics, map, events, sections]) part.clear();
  head.hello(h);
  heat.hello(h);
  controls.hello(h.controls);
  byId('topics').hidden = byId('map').hidden = !h.hub;
  document.body.classList.toggle('plain', !h.hub);
}

/**
 * Takes a message. It is drawn with the next frame of the screen.
 * @param {Frame} f
 */
export function ingest(f) {
  for (const name of f.reset ?? []) ({ peers, topics, places: map })[name]?.clear();
  peers.update(f.peers, f.now);
  topics.update(f.topics, false);
  map.update(f.places, f.now);
  heat.update(f.kind, f.heat);
  events.update(f.events);
  controls.update(f.settings);
  sections.update(f.sections);
  for (const item of f.rt ?? []) chart(item.l, item.u, item.v);
  // The rows have been taken; a frame that is kept for rates must not keep them.
  f.peers = f.topics = f.places = [];
  f.heat = f.events = f.rt = f.sections = undefined;
  recent.push(f);
  while (recent.length > 2 && f.up - recent[1].up >= WINDOW - 50) recent.shift();
  if (drawn) {
    drawn = false;
    requestAnimationFrame(draw);
  }
}

/** Draws the latest message. */
export function draw() {
  drawn = true;
  const f = recent[recent.length - 1];
  if (!f || !hello) return;
  const before = recent.length > 1 && f.up - recent[0].up > 300 ? recent[0] : null;
  const flow = chain.update(hello, f, before, true);
  head.update(hello, f, flow);
  peers.render(f);
  topics.update([], true);
  map.draw();
  heat.refresh();
  events.note(f.misc[4]);
}

/**
 * @param {string} label
 * @param {string} unit
 * @param {number} v
 */
function chart(label, unit, v) {
  let c = runtime.get(label);
  if (!c) {
    c = new Cell(label, unit, 1);
    runtime.set(label, c);
    one('#runtime dl').append(c.root);
  }
  c.show(v >= 99.95 ? v.toFixed(0) : v >= 0.095 || v === 0 ? v.toFixed(1) : v.toFixed(2), unit, false);
  c.push(v);
}

function theme() {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
  root.dataset.theme = dark ? 'light' : 'dark';
  repaint();
}

function repaint() {
  forgetColours();
  chain.draw();
  heat.draw();
  map.draw();
  peers.draw();
}

const asked = new URLSearchParams(location.search);
const wanted = asked.get('theme');
if (wanted === 'dark' || wanted === 'light') document.documentElement.dataset.theme = wanted;
byId('theme').addEventListener('click', theme);
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', repaint);
/** @type {ReturnType<typeof setTimeout> | undefined} */
let resized;
addEventListener('resize', () => {
  clearTimeout(resized);
  resized = setTimeout(repaint, 80);
});
if (!asked.has('offline')) new Stream('api/stream', begin, ingest);
