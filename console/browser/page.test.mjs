// Tests of the page in Chromium, against a running demo.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';
import { browser, demo, open } from './harness.mjs';

const patience = { timeout: 60_000 };
/** @type {import('playwright-core').Browser} */
let chrome;
/** @type {{url: string, stop: () => Promise<void>}} */
let server;

before(async () => {
  [chrome, server] = await Promise.all([browser(), demo('--peers', '12', '--rate', '20')]);
});
after(async () => {
  await chrome.close();
  await server.stop();
});

const synthetic = await readFile(new URL('synthetic.js', import.meta.url), 'utf8');

/** @param {string} text */
const number = (text) => Number(text.replaceAll(',', ''));

/** The value of a series of /metrics. */
async function metric(/** @type {string} */ series) {
  const text = await (await fetch(new URL('metrics', server.url))).text();
  const line = text.split('\n').find((l) => l.startsWith(`${series} `));
  assert.ok(line, `${series} is missing`);
  return Number(line.slice(series.length + 1));
}

test('the numbers are those of /metrics, and the laws hold', async () => {
  const { page, complaints } = await open(chrome, server.url);
  await page.waitForSelector('.gate', patience);
  await page.click('#totals');
  for (const [law, series] of [['Messages in', 'intentra_chain_messages_entered_total{direction="in"}'], ['Packets out', 'intentra_chain_packets_entered_total{direction="out"}']]) {
    const shown = page.locator(`[data-law="${law}"] .eq b`).first();
    // Counters only grow: what /metrics says lies between two readings of the page, the second of
    // which has changed since.
    const first = number(await shown.innerText());
    const middle = await metric(series);
    await page.waitForFunction(([l, n]) => Number(document.querySelector(`[data-law="${l}"] .eq b`)?.textContent?.replaceAll(',', '')) >= Number(n), [law, middle], patience);
    const last = number(await shown.innerText());
    assert.ok(first <= middle && middle <= last, `${law}: ${first}, ${middle}, ${last}`);
    assert.ok(middle > 100);
  }
  for (const law of await page.locator('.law').all()) {
    const [all, ...parts] = (await law.locator('.eq b').allInnerTexts()).map(number);
    assert.equal(all, parts.reduce((a, b) => a + b), await law.innerText());
  }
  assert.equal(await page.locator('.law .ok:not(.broken)').count(), 4);
  assert.deepEqual(complaints, []);
  await page.close();
});

test('a custom stage appears in the flow, and a drop as a branch with its reason', async () => {
  const { page, complaints } = await open(chrome, server.url);
  const gate = page.locator('[data-id="geofence"]');
  await gate.waitFor({ state: 'attached', ...patience });
  assert.match((await gate.textContent()) ?? '', /your stage/);
  assert.equal(await page.locator('[data-drop="forged"]').count(), 0);
  await page.click('[data-knob="attack"]');
  await page.locator('[data-drop="forged"]').waitFor({ state: 'attached', ...patience });
  await page.waitForFunction(() => /forged/.test(document.querySelector('#chain')?.textContent ?? ''), undefined, patience);
  await page.waitForFunction(() => /flood/i.test(document.querySelector('#verdict')?.textContent ?? ''), undefined, patience);
  // The gate opens by keyboard, and says what it drops.
  await page.locator('[data-id="aead"]').focus();
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => /dropped as forged/.test(document.querySelector('#figcap')?.textContent ?? ''), undefined, patience);
  await page.keyboard.press('ArrowRight');
  assert.equal(await page.evaluate(() => document.activeElement?.getAttribute('data-id')), 'replay');
  await page.click('[data-knob="attack"]');
  assert.deepEqual(complaints, []);
  await page.close();
});

test('a killed peer turns red', async () => {
  const { page } = await open(chrome, server.url);
  await page.locator('#peers tr.p').first().waitFor(patience);
  await page.click('[data-knob="kill"]');
  const row = page.locator('#peers tr.p[data-level="2"]');
  await row.first().waitFor(patience);
  const bad = await page.evaluate(() => {
    const probe = document.createElement('i');
    probe.style.color = 'var(--bad)';
    document.body.append(probe);
    return getComputedStyle(probe).color;
  });
  assert.equal(await row.first().locator('td').first().evaluate((e) => getComputedStyle(e).color), bad);
  await page.waitForFunction(() => document.querySelector('#verdict')?.getAttribute('data-level') === 'warning', undefined, patience);
  // Its detail opens, and the search finds it.
  const name = await row.first().locator('.nameb').innerText();
  await page.fill('#peers .find', name);
  await page.waitForFunction(() => document.querySelectorAll('#peers tr.p').length === 1, undefined, patience);
  await page.locator('#peers tr.p .nameb').click();
  await page.locator('#peers .detail h3').first().waitFor(patience);
  await page.close();
});

test('the hub restarts, and the page follows', async () => {
  const { page } = await open(chrome, server.url);
  await page.locator('.gate').first().waitFor({ state: 'attached', ...patience });
  await page.evaluate(() => {
    document.body.dataset.up = document.querySelector('#up')?.textContent ?? '';
  });
  await page.waitForFunction(() => Number.parseInt(document.querySelector('#up')?.textContent ?? '0', 10) >= 3, undefined, patience);
  await page.click('[data-knob="restart"]');
  await page.waitForFunction(() => /^[012] s$/.test(document.querySelector('#up')?.textContent ?? ''), undefined, patience);
  await page.waitForFunction(() => document.querySelectorAll('#peers tr.p[data-level="0"]').length > 5, undefined, patience);
  await page.close();
});

test('axe finds nothing serious', async () => {
  const source = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
  for (const [theme, width] of [['light', 1440], ['dark', 1440], ['light', 390]]) {
    const { page } = await open(chrome, `${server.url}?theme=${theme}`, { viewport: { width, height: 900 } });
    await page.locator('#peers tr.p').first().waitFor(patience);
    await page.waitForFunction(() => document.querySelectorAll('#topics tbody tr').length > 0, undefined, patience);
    await page.evaluate(source);
    const found = await page.evaluate(async () => (await /** @type {any} */ (globalThis).axe.run()).violations.filter((/** @type {any} */ v) => v.impact === 'serious' || v.impact === 'critical'));
    assert.deepEqual(found.map((/** @type {any} */ v) => `${v.id}: ${v.nodes.map((/** @type {any} */ n) => n.target).join('; ')}`), [], `${theme} ${width}`);
    await page.close();
  }
});

/**
 * Opens the page without a server's stream, with three peers of which each has a position.
 * @param {string} [query]
 */
async function offline(query = '') {
  const { page, complaints } = await open(chrome, `${server.url}?offline${query}`);
  await page.evaluate(synthetic);
  await page.evaluate(async () => {
    const { begin, ingest, draw } = await import('/main.js');
    begin(globalThis.hello);
    globalThis.put = (/** @type {number[][]} */ places, /** @type {number} */ i = 0) => {
      const frame = globalThis.frameOf(i);
      frame.peers = [['bravo', 3], ['alpha', 1], ['delta', 7]].map(([name, rtt], i) => [i, name, `10.0.0.${9 - i}:4000`, 0, rtt, 60 + i, 60, 0, 0, 0, 1452, 0, 0]);
      frame.topics = frame.peers.map((p) => [p[0], `${p[1]}/pose`, p[1], 'latest', 60, 0.3, 36, 20, 1, 0, 1, null]);
      frame.places = places;
      ingest(frame);
      draw();
    };
    globalThis.put([[0, 0, 0, 0, 0], [1, 1, 40, 20, 0], [2, 2, 20, 10, 9]]);
  });
  return { page, complaints };
}

/** The middle of what is drawn on the map in a colour of the style sheet, in its own pixels. */
const middleOf = (/** @type {import('playwright-core').Page} */ page, /** @type {string} */ name, /** @type {number[]} */ [from, to]) => page.evaluate(([colour, a, b]) => {
  const probe = document.createElement('i');
  probe.style.color = `var(--${colour})`;
  document.body.append(probe);
  const rgb = getComputedStyle(probe).color.match(/\d+/g)?.map(Number) ?? [];
  probe.remove();
  const canvas = /** @type {HTMLCanvasElement} */ (document.querySelector('#map canvas'));
  const { data, width, height } = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d')).getImageData(0, 0, canvas.width, canvas.height);
  let [n, x, y] = [0, 0, 0];
  for (let i = 0; i < width * height; i++) {
    const at = (i % width) / width;
    if (at < a || at >= b || data[4 * i + 3] < 255 || rgb.some((v, k) => Math.abs(data[4 * i + k] - v) > 2)) continue;
    n++;
    x += i % width;
    y += Math.floor(i / width);
  }
  return { n, x: x / n, y: y / n, width, height };
}, /** @type {const} */ ([name, from, to]));

test('columns sort both ways, by keyboard too', async () => {
  const { page, complaints } = await offline();
  const names = () => page.locator('#peers tr.p .nameb').allInnerTexts();
  for (const [column, first, second] of [['rtt', 'delta bravo alpha', 'alpha bravo delta'], ['name', 'alpha bravo delta', 'delta bravo alpha'], ['addr', 'delta alpha bravo', 'bravo alpha delta'], ['rate', 'delta alpha bravo', 'bravo alpha delta']]) {
    const header = page.locator(`#peers th[data-key="${column}"]`);
    await header.locator('button').click();
    assert.equal((await names()).join(' '), first, column);
    const sort = await header.getAttribute('aria-sort');
    await header.locator('button').focus();
    await page.keyboard.press('Enter');
    assert.equal((await names()).join(' '), second, column);
    assert.deepEqual([sort, await header.getAttribute('aria-sort')].sort(), ['ascending', 'descending'], column);
    assert.equal(await page.locator('#peers th[aria-sort]').count(), 1);
  }
  assert.deepEqual(complaints, []);
  await page.close();
});

test('the map shows what is where, flat and in 3D, and opens a peer', async () => {
  const { page, complaints } = await offline();
  assert.match(await page.locator('#map-note').innerText(), /^3 declared/);
  // bravo is at the lower left, alpha at the upper right, delta in the middle.
  const [left, middle, right] = await Promise.all([[0, 0.3], [0.3, 0.7], [0.7, 1]].map((part) => middleOf(page, 'accent', part)));
  for (const spot of [left, middle, right]) assert.ok(spot.n > 10, JSON.stringify(spot));
  assert.ok(left.y > middle.y && middle.y > right.y, `${left.y} ${middle.y} ${right.y}`);
  const click = (/** @type {{x: number, y: number}} */ spot) => page.locator('#map canvas').click({ position: { x: spot.x, y: spot.y } });
  const opened = () => page.locator('#peers .nameb[aria-expanded="true"]').innerText();
  await click(right);
  assert.equal(await opened(), 'alpha');
  assert.match((await page.locator('#map canvas').getAttribute('aria-label')) ?? '', /alpha is marked/);
  await click(right);
  await click(left);
  assert.equal(await opened(), 'bravo');
  // In 3D what is high is drawn higher, on a stalk, and can be clicked there.
  await page.click('#deep');
  assert.deepEqual(await page.locator('#map .seg .btn').evaluateAll((all) => all.map((b) => b.getAttribute('aria-pressed'))), ['false', 'true']);
  const high = await middleOf(page, 'accent', [0.4, 0.6]);
  await page.evaluate(() => globalThis.put([[2, 2, 20, 10, 0]]));
  const low = await middleOf(page, 'accent', [0.4, 0.6]);
  assert.ok(high.y < low.y - 20, `${high.y} ${low.y}`);
  await click(low);
  assert.equal(await opened(), 'delta');
  // The map grows at once with an object that leaves it, and shows its trail when another one comes.
  await page.click('#flat');
  await page.evaluate(() => globalThis.put([[1, 1, 400, 200, 0]], 5));
  assert.ok((await middleOf(page, 'accent', [0.9, 1])).n > 10);
  await page.evaluate(() => globalThis.put([[1, 1, 40, 20, 0], [3, 0, 41, 21, 0]], 10));
  const near = await middleOf(page, 'accent', [0, 0.5]);
  assert.ok(near.n > 10 && near.x < near.width / 4, JSON.stringify(near));
  await page.evaluate(() => globalThis.put([[3]], 11));
  // An object whose topic is gone leaves the map.
  await page.evaluate(() => globalThis.put([[2]]));
  assert.match(await page.locator('#map-note').innerText(), /^2 declared/);
  assert.ok((await middleOf(page, 'accent', [0, 0.3])).n > 10);
  assert.deepEqual(complaints.filter((c) => !/404/.test(c)), [], 'without a stream there are no details of peers');
  await page.close();
});

test('the theme changes, on the canvases too', async () => {
  for (const [query, first] of [['&theme=light', 'light'], ['&theme=dark', 'dark']]) {
    const { page } = await offline(query);
    const look = () => page.evaluate(() => [getComputedStyle(document.body).backgroundColor, document.documentElement.dataset.theme, /** @type {HTMLCanvasElement} */ (document.querySelector('#map canvas')).toDataURL()]);
    const colours = { light: 'rgb(250, 249, 246)', dark: 'rgb(13, 16, 19)' };
    const before = await look();
    assert.deepEqual(before.slice(0, 2), [colours[first], first]);
    assert.ok((await middleOf(page, 'accent', [0.7, 1])).n > 10);
    await page.click('#theme');
    const after = await look();
    const other = first === 'light' ? 'dark' : 'light';
    assert.deepEqual(after.slice(0, 2), [colours[other], other]);
    assert.notEqual(after[2], before[2], 'the map is drawn again');
    assert.ok((await middleOf(page, 'accent', [0.7, 1])).n > 10, 'in the colours of the other theme');
    await page.click('#theme');
    assert.deepEqual((await look()).slice(0, 2), [colours[first], first]);
    await page.close();
  }
});

test('10,000 peers scroll', async () => {
  const { page, complaints } = await open(chrome, `${server.url}?offline`);
  await page.evaluate(synthetic);
  const took = await page.evaluate(async () => {
    const { begin, ingest, draw } = await import('/main.js');
    begin(globalThis.hello);
    const frame = globalThis.frameOf(0);
    frame.peers = Array.from({ length: 10_000 }, (_, i) => [i, `robot-${String(i).padStart(5, '0')}`, `10.0.${i >> 8}.${i & 255}:4000`, 0, 1 + (i % 70) / 10, 60, 60, 0, 0, 0, 1452, 0, 0]);
    ingest(frame);
    draw();
    const box = document.querySelector('#peers .scroll');
    const start = performance.now();
    for (let i = 0; i < 100; i++) {
      box.scrollTop = i * 2800;
      box.dispatchEvent(new Event('scroll'));
    }
    return performance.now() - start;
  }).catch((e) => assert.fail(e));
  console.log(`100 jumps through 10,000 peers: ${took.toFixed(0)} ms`);
  assert.equal(await page.locator('#peers table').getAttribute('aria-rowcount'), '10001');
  assert.ok((await page.locator('#peers tr.p').count()) < 60, 'only the visible rows exist');
  assert.ok(Number(await page.locator('#peers tr.p').first().getAttribute('aria-rowindex')) > 9800);
  assert.deepEqual(complaints, []);
  await page.close();
});

test('tables of the program appear, change and go', async () => {
  const { page, complaints } = await open(chrome, `${server.url}?offline`);
  await page.evaluate(synthetic);
  const shown = (/** @type {any} */ sections) => page.evaluate(async (list) => {
    const { begin, ingest, draw } = await import('/main.js');
    if (!document.querySelector('.more')) begin(globalThis.hello);
    const frame = globalThis.frameOf(1);
    frame.sections = list;
    ingest(frame);
    draw();
    return [...document.querySelectorAll('.more')].map((s) => [s.querySelector('h2')?.textContent, ...[...s.querySelectorAll('.sec span, .none')].filter((e) => e.checkVisibility()).map((e) => e.textContent), ...[...s.querySelectorAll('tr')].map((r) => [...r.children].map((c) => c.textContent).join(' '))]);
  }, sections);
  const hubs = { title: 'Fleet', note: '2 hubs', columns: ['Hub', 'State'], rows: [['a', 'alive'], ['<b>', 'silent'], ['c']] };
  assert.deepEqual(await shown([hubs]), [['Fleet', '2 hubs', 'Hub State', 'a alive', '<b> silent', 'c ']]);
  assert.deepEqual(await shown(undefined), await shown([hubs]), 'a message without sections changes none');
  assert.deepEqual(await shown([{ ...hubs, note: '', rows: [['c', 'lost']] }, { title: 'Losses', columns: ['Reason'], rows: [] }]), [['Fleet', '', 'Hub State', 'c lost'], ['Losses', '', 'None', 'Reason']]);
  assert.deepEqual(await shown([{ ...hubs, warning: 'a is silent' }]), [['Fleet', 'a is silent', '2 hubs', 'Hub State', 'a alive', '<b> silent', 'c ']]);
  assert.deepEqual(await shown([]), []);
  assert.deepEqual(complaints, []);
  await page.close();
});

test('tables of the program can be read on any screen', async () => {
  const source = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
  const list = [
    { title: 'Fleet', warning: 'one is silent', columns: ['Hub', 'Address', 'State', 'Peers', 'Rate', 'Age', 'Subject'], rows: [['a', '127.0.0.1:1', 'alive', '1,234', '0.5', '–', 'x'.repeat(40)], ['b', '127.0.0.1:2', 'silent', '', '-3 ms', '12', 'y']] },
    { title: 'Counts', columns: ['What', 'Count'], rows: [['sent', '7']] }, { title: 'Losses', columns: ['Reason', 'Count'], rows: [] },
  ];
  for (const [theme, width] of [['light', 1440], ['dark', 1000], ['dark', 390]]) {
    const { page, complaints } = await open(chrome, `${server.url}?offline&theme=${theme}`, { viewport: { width, height: 900 } });
    await page.evaluate(synthetic);
    await page.evaluate(source);
    const got = await page.evaluate(async (sections) => {
      const { begin, ingest, draw } = await import('/main.js');
      begin(globalThis.hello);
      ingest(Object.assign(globalThis.frameOf(1), { sections }));
      draw();
      const parts = [...document.querySelectorAll('.more')];
      const [fleet, counts, losses] = parts.map((p) => p.getBoundingClientRect());
      const violations = (await /** @type {any} */ (globalThis).axe.run(document.getElementById('more'))).violations.filter((/** @type {any} */ v) => v.impact === 'serious' || v.impact === 'critical');
      return {
        aligned: ['th', 'tr:last-child td'].map((cells) => [...parts[0].querySelectorAll(cells)].map((c) => getComputedStyle(c).textAlign).join(' ')),
        violations: violations.map((/** @type {any} */ v) => v.id),
        overflow: document.documentElement.scrollWidth - innerWidth, scrolls: [...document.querySelectorAll('.more .scroll')].map((s) => s.scrollWidth > s.clientWidth),
        beside: counts.top === losses.top && counts.right < losses.left, wide: fleet.width > 1.9 * counts.width,
      };
    }, list);
    const row = 'left left left right right right left';
    const phone = width < 720;
    assert.deepEqual(got, { aligned: [row, row], violations: [], overflow: 0, scrolls: [phone, false, false], beside: !phone, wide: !phone }, `${theme} ${width}`);
    assert.deepEqual(complaints, []);
    await page.close();
  }
});

test('memory does not grow with updates', async () => {
  const { page } = await open(chrome, `${server.url}?offline`);
  await page.evaluate(synthetic);
  const client = await page.context().newCDPSession(page);
  const run = (/** @type {number} */ from, /** @type {number} */ to) => page.evaluate(async ([a, b]) => {
    const { begin, ingest, draw } = await import('/main.js');
    if (a === 0) begin(globalThis.hello);
    for (let i = a; i < b; i++) {
      ingest(JSON.parse(JSON.stringify(globalThis.frameOf(i))));
      if (i % 250 === 0) draw();
      if (i % 5000 === 0) await new Promise((r) => setTimeout(r));
    }
  }, [from, to]);
  const heap = async () => {
    await client.send('HeapProfiler.collectGarbage');
    await client.send('HeapProfiler.collectGarbage');
    return (await client.send('Runtime.getHeapUsage')).usedSize;
  };
  await run(0, 100_000);
  const first = await heap();
  await run(100_000, 200_000);
  const second = await heap();
  console.log(`heap after 100,000 and 200,000 updates: ${(first / 1e6).toFixed(2)} and ${(second / 1e6).toFixed(2)} MB`);
  assert.ok(Math.abs(second / first - 1) < 0.05, `${first} ${second}`);
  await page.close();
});
