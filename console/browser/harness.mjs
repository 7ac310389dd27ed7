// Starts the command and Debian's Chromium for tests and screenshots.

import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { chromium } from 'playwright-core';

const binary = process.env.INTENTRA ?? 'intentra';

/**
 * Starts a demo and returns its address, and a function that ends it.
 * @param {...string} args
 */
export async function demo(...args) {
  const child = spawn(binary, ['demo', '--http', '127.0.0.1:0', ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
  const ended = new Promise((resolve) => child.on('exit', resolve));
  for await (const line of createInterface({ input: child.stderr })) {
    if (!line.startsWith('page ')) continue;
    const stop = async () => {
      child.kill('SIGTERM');
      await ended;
    };
    return { url: line.slice(5), stop };
  }
  throw new Error('the demo has ended without an address');
}

/** A hub and its clients, each a process. */
export class Site {
  /** @type {import('node:child_process').ChildProcess[]} */
  children = [];
  /** @type {string[]} */
  said = [];
  folder = '';
  server = '';

  /**
   * Starts a hub for clients with the given names.
   * @param {string[]} names
   * @param {...string} args
   */
  static async open(names, ...args) {
    const s = new Site();
    s.folder = await mkdtemp(join(tmpdir(), 'site-'));
    const key = (/** @type {string} */ name) => execFileSync(binary, ['keygen', '--out', join(s.folder, name)], { encoding: 'utf8' }).trim();
    s.server = key('hub');
    await writeFile(join(s.folder, 'access'), names.map((name) => `${key(name)} ${name}\n`).join(''));
    const wanted = new RegExp(`^${args[0].slice(2).replace('http', 'page')} `);
    s.said = (await s.start(['hub', '--listen', '127.0.0.1:0', '--key', join(s.folder, 'hub'), '--access', join(s.folder, 'access'), ...args], wanted)).said;
    return s;
  }

  /**
   * Starts a client, and returns it once it is connected.
   * @param {string} name
   * @param {string} command
   * @param {...string} args
   */
  async client(name, command, ...args) {
    const at = this.line('listening ').split(' ')[0];
    return (await this.start([command, '--connect', at, '--peer', this.server, '--key', join(this.folder, name), ...args], /^connected /)).child;
  }

  /**
   * Starts a command, and returns it with its standard error up to the first line that matches.
   * @param {string[]} args
   * @param {RegExp} wanted
   */
  async start(args, wanted) {
    const child = spawn(binary, args, { stdio: ['pipe', 'ignore', 'pipe'] });
    this.children.push(child);
    /** @type {string[]} */
    const said = [];
    for await (const line of createInterface({ input: /** @type {import('node:stream').Readable} */ (child.stderr) })) {
      said.push(line);
      if (wanted.test(line)) return { child, said };
    }
    throw new Error(`${args[0]} has ended: ${said.join('\n')}`);
  }

  /**
   * What the hub has printed after a word at the beginning of a line.
   * @param {string} word
   */
  line(word) {
    return this.said.find((line) => line.startsWith(word))?.slice(word.length) ?? '';
  }

  async close() {
    for (const child of this.children.reverse()) {
      child.kill('SIGTERM');
      if (child.exitCode === null) await once(child, 'exit');
    }
    await rm(this.folder, { recursive: true });
  }
}

export const browser = () => chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox', '--js-flags=--expose-gc'] });

/**
 * Changes a control as the page does.
 * @param {string} url
 * @param {string} name
 * @param {number} value
 */
export async function control(url, name, value) {
  const answer = await fetch(new URL('api/control', url), { method: 'POST', body: JSON.stringify({ name, value }) });
  if (!answer.ok) throw new Error(await answer.text());
}

/**
 * Opens the page, and collects what it complains about.
 * @param {import('playwright-core').Browser} b
 * @param {string} url
 * @param {object} [options]
 */
export async function open(b, url, options = {}) {
  const page = await b.newPage({ viewport: { width: 1440, height: 1000 }, ...options });
  /** @type {string[]} */
  const complaints = [];
  page.on('pageerror', (e) => complaints.push(e.message));
  page.on('console', (m) => {
    if (m.type() === 'error') complaints.push(m.text());
  });
  await page.goto(url);
  return { page, complaints };
}
