// Makes the frames of the animation in README.md from a running demo: a calm hub, a forged
// flood that leaves the chain at aead, and its end.
//
//   INTENTRA=./intentra node animation.mjs FOLDER

import { mkdir } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { browser, control, demo, open } from './harness.mjs';

const folder = process.argv[2] ?? 'frames';
const interval = 500; // between two frames, in ms: the animation plays at twice the speed
const acts = [{ frames: 6 }, { frames: 22, attack: 1 }, { frames: 14, attack: 0 }];

await mkdir(folder, { recursive: true });
const chrome = await browser();
const d = await demo('--peers', '48', '--rate', '10');
const { page } = await open(chrome, `${d.url}?theme=light`, { viewport: { width: 1024, height: 640 }, reducedMotion: 'reduce' });
await page.waitForFunction(() => document.querySelector('#verdict')?.getAttribute('data-level') === 'good', undefined, { timeout: 60_000 });
await sleep(12_000);
// From the verdict to the end of the chain.
const [top, bottom] = await page.evaluate(() => [document.querySelector('header')?.getBoundingClientRect().top ?? 0, document.querySelector('#figcap')?.getBoundingClientRect().top ?? 640]);
const clip = { x: 0, y: top, width: 1024, height: Math.ceil(bottom - top) };
let n = 0;
for (const act of acts) {
  if (act.attack !== undefined) await control(d.url, 'attack', act.attack);
  for (let i = 0; i < act.frames; i++) {
    const due = sleep(interval);
    await page.screenshot({ path: `${folder}/${String(n++).padStart(3, '0')}.png`, clip, fullPage: true });
    await due;
  }
}
await chrome.close();
await d.stop();
