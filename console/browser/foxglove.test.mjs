// The hub's topics through Foxglove's own client of its protocol.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import protocol from '@foxglove/ws-protocol';
import { WebSocket } from 'ws';
import { Site } from './harness.mjs';

const { FoxgloveClient } = protocol;
/** @type {Site} */
let site;
/** @type {string} */
let address;
/** @type {import('node:child_process').ChildProcess} */
let publisher;

before(async () => {
  site = await Site.open(['robot-7'], '--foxglove', '127.0.0.1:0');
  address = site.line('foxglove ');
  publisher = await site.client('robot-7', 'pub', '--topic', 'pose', '--intent', 'latest', '--encoding', 'json');
});
after(() => site.close());

/** @param {string} [subprotocol] */
function connect(subprotocol = FoxgloveClient.SUPPORTED_SUBPROTOCOL) {
  const client = new FoxgloveClient({ ws: /** @type {any} */ (new WebSocket(address, [subprotocol])) });
  /** @type {(name: any) => Promise<any>} */
  const next = (name) => new Promise((resolve) => {
    const listener = (/** @type {any} */ value) => {
      client.off(name, listener);
      resolve(value);
    };
    client.on(name, listener);
  });
  return { client, next };
}

test('a topic is advertised with its schema, and its updates arrive', { timeout: 60_000 }, async () => {
  const { client, next } = connect();
  const [info, channels] = await Promise.all([next('serverInfo'), next('advertise')]);
  assert.deepEqual(info.capabilities, []);
  assert.equal(channels.length, 1);
  const [{ id, topic, encoding, schemaEncoding, schema }] = channels;
  assert.deepEqual([topic, encoding, schemaEncoding], ['/robot-7/pose', 'json', 'jsonschema']);
  assert.deepEqual(JSON.parse(schema), { type: 'object' });
  const subscription = client.subscribe(id);
  for (const x of [1, 2, 3]) {
    const message = next('message');
    publisher.stdin?.write(`{"x":${x}}\n`);
    const { subscriptionId, data, timestamp } = await message;
    assert.equal(subscriptionId, subscription);
    assert.deepEqual(JSON.parse(new TextDecoder().decode(data)), { x });
    assert.ok(Math.abs(Number(timestamp) / 1e6 - Date.now()) < 60_000);
  }
  // It is read-only.
  const status = next('status');
  client.advertise({ topic: 'x', encoding: 'json', schemaName: '' });
  assert.match((await status).message, /read-only/);
  client.unsubscribe(subscription);
  const closed = next('close');
  client.close();
  await closed;
});

test('another subprotocol is refused', { timeout: 60_000 }, async () => {
  const { next } = connect('foxglove.sdk.v1');
  assert.match(String(await next('error')), /400/);
});
