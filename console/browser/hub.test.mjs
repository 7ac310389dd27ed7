// The page of a plain hub, in Chromium.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { browser, open, Site } from './harness.mjs';

const patience = { timeout: 60_000 };
/** @type {import('playwright-core').Browser} */
let chrome;
/** @type {Site} */
let site;

before(async () => {
  [chrome, site] = await Promise.all([browser(), Site.open(['robot', 'viewer'], '--http', '127.0.0.1:0')]);
});
after(async () => {
  await chrome.close();
  await site.close();
});

test('ages are unknown without topics with a stamp, and then those of /metrics', async () => {
  const url = site.line('page ');
  const { page, complaints } = await open(chrome, url);
  const cell = (/** @type {string} */ q) => page.locator('#strip > div').filter({ hasText: `Age at the hub, ${q}` });
  await cell('p99').filter({ hasText: 'no stamped topics' }).waitFor(patience);
  assert.match(await cell('p50').innerText(), /–\s*no stamped topics/);

  await site.client('viewer', 'sub', '--topic', '**');
  const robot = await site.client('robot', 'pub', '--topic', 'pose', '--intent', 'latest', '--stamp');
  await cell('p99').filter({ hasText: 'no updates' }).waitFor(patience);
  const lines = setInterval(() => robot.stdin?.write('here\n'), 20);
  try {
    await cell('p99').filter({ hasText: /[0-9]\s*ms/ }).waitFor(patience);
    const row = page.locator('#topics tbody tr');
    await page.waitForFunction(() => /^[0-9]/.test(document.querySelector('#topics tbody tr td:nth-child(7)')?.textContent ?? ''), undefined, patience);
    assert.match(await row.first().innerText(), /robot\/pose/);
    assert.match(await page.locator('#heat-note').innerText(), /from origin to the hub/);
    const [p50, p99] = await page.evaluate(() => [...document.querySelectorAll('#strip > div')].filter((e) => /Age/.test(e.textContent ?? '')).map((e) => Number(e.querySelector('dd span')?.textContent)));
    // Both are between the lowest and the highest age that has been counted so far.
    const text = await (await fetch(new URL('metrics', url))).text();
    const buckets = [...text.matchAll(/^intentra_hub_update_age_seconds_bucket{le="([^"]+)"} (.+)$/gm)].map((m) => [1000 * Number(m[1].replace('+Inf', 'Infinity')), Number(m[2])]);
    const all = buckets[buckets.length - 1][1];
    const low = buckets[buckets.findIndex(([, n]) => n > 0) - 1]?.[0] ?? 0;
    const high = buckets.find(([, n]) => n === all)?.[0] ?? 0;
    assert.ok(all > 0);
    for (const v of [p50, p99]) assert.ok(low - 0.5 <= v && v <= high + 0.5, `${v} ms is not within ${low} and ${high} ms`);
    assert.ok(p50 <= p99, `${p50} ${p99}`);
  } finally {
    clearInterval(lines);
  }
  assert.deepEqual(complaints, []);
  await page.close();
});
