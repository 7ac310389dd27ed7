// Makes the pictures in docs/page from running demos:
//
//   INTENTRA=./intentra node screenshots.mjs ../../docs/page

import { mkdir } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { browser, control, demo, open } from './harness.mjs';

const folder = process.argv[2] ?? 'docs/page';
const warm = 18_000; // so that trails, charts and heat map have something to show

const shots = [
  { name: 'calm-light', theme: 'light', width: 1440 },
  { name: 'calm-dark', theme: 'dark', width: 1440, deep: true },
  { name: 'calm-phone', theme: 'light', width: 390 },
  { name: 'attack-light', theme: 'light', width: 1440, settings: { attack: 1 } },
  { name: 'overload-dark', theme: 'dark', width: 1440, settings: { rate: 300, peers: 120 } },
  { name: 'bad-light', theme: 'light', width: 1440, settings: { loss: 30, delay: 100 } },
];

await mkdir(folder, { recursive: true });
const only = process.argv[3];
const chrome = await browser();
for (const s of shots) {
  if (only && !s.name.startsWith(only)) continue;
  const d = await demo('--peers', '48', '--rate', '10');
  const { page } = await open(chrome, `${d.url}?theme=${s.theme}`, { viewport: { width: s.width, height: 900 } });
  await sleep(warm / 2);
  for (const [name, value] of Object.entries(s.settings ?? {})) await control(d.url, name, value);
  if (s.deep) await page.click('#deep');
  await sleep(warm / 2);
  await page.mouse.move(0, 0);
  await page.screenshot({ path: `${folder}/${s.name}.png`, fullPage: true });
  await page.close();
  await d.stop();
  console.log(s.name);
}
await chrome.close();
