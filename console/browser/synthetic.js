// Messages of an invented hub, for tests that need more of them than a server sends.

const drops = [['cookie', 'reply_budget'], ['header', 'unknown_index'], ['aead', 'forged'], ['replay', 'replayed'], ['ack', 'duplicate'], ['geofence', 'outside'], ['dispatch', 'stale']];

globalThis.hello = {
  name: 'synthetic', key: 'k'.repeat(44), addr: '127.0.0.1:1', hub: true, cores: 2, ageKind: 'age', ageLimit: 50,
  in: { stages: ['cookie', 'ratelimit', 'header', 'aead', 'replay', 'ack', 'geofence', 'dispatch'], drops, custom: [false, false, false, false, false, false, true, false] },
  out: { stages: ['pack', 'ack', 'seal'], drops: [['pack', 'too_large']], custom: [false, false, false] },
  queue: ['displaced', 'too_large', 'queue_full'], hubDrops: ['undeclared', 'updates'],
  bounds: Array.from({ length: 31 }, (_, i) => 0.0625 * 2 ** (i / 2)),
};

globalThis.frameOf = (i) => {
  const n = i + 1;
  const f = {
    n, now: 1.7e12 + 100 * i, up: 100 * n, connected: 50, expected: 50, delivery: 99.9, kind: 'age', p50: 1.8, p99: 6.4, cpu: 0.2,
    in: { p: [300 * n, 290 * n, 2 * n], m: [320 * n, 310 * n, 0], d: [[2, 8 * n, 0], [4, 0, 3 * n], [5, 0, 7 * n]], c: [[2, 2 * n, 0]] },
    out: { p: [280 * n, 280 * n, 0], m: [1200 * n, 1200 * n, 0], d: [], c: [] },
    sock: [300 * n, 0, 0, 280 * n, 0, 0, 3e4 * n, 3e5 * n, 10 * n], queue: [20 * n, 0, 0, 0], app: 0, hub: [310 * n, 1200 * n, 0, 0, 0, 0, 0, 0, 0, 0],
    misc: [0, 0, 0, 0, 0, 0], sizes: [50, 50, 0, 0, 100, 50], v: { level: 'good', head: 'Every peer is up', why: `Number *${n % 100}*`, for: i },
    peers: [], topics: [], places: [],
  };
  for (let k = i % 10; k < 50; k += 10) {
    f.peers.push([k, `robot-${k}`, '10.0.0.1:4000', 0, 1 + ((i + k) % 50) / 10, 60, 60, 0, 0, 0, 1452, 0, 0]);
    f.topics.push([k, `robot-${k}/pose`, `robot-${k}`, 'latest', 60, 0.3, 36, 20, 50, 61, 1, 1.8]);
  }
  for (let k = i % 10; k < 50; k += 10) f.places.push([k, k, 20 + 18 * Math.sin(i / 99 + k), 15 + 14 * Math.cos(i / 70 + 2 * k), 0]);
  if (i % 10 === 0) {
    f.heat = [{ c: Array.from({ length: 32 }, (_, b) => (b > 4 && b < 16 ? 10 + ((i + b) % 7) : 0)) }];
    f.rt = [{ l: 'Heap objects', u: 'MB', v: 3 + (i % 5) }];
    f.events = [{ n: i, t: f.now, k: 'join', x: `robot-${i % 50}` }];
  }
  return f;
};
