package main

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"time"

	"github.com/intentra/intentra/internal/load"
	"github.com/intentra/intentra/wire"
)

// What we chose: how many datagrams the attacker of a demo sends in a tick.
const (
	attackTick   = 2 * time.Millisecond
	attackForged = 16 // 8,000/s: genuine datagrams of a peer with a changed bit and a new counter
	attackReplay = 1  // 500/s: genuine datagrams again
	attackNoise  = 1  // 500/s: datagrams of no session
)

// flood attacks the hub while the control says so, until ctx ends. It is an observer on the path
// of the first peer, and sends in its name.
func (s *show) flood(ctx context.Context) {
	random := rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))
	var b []byte
	var kept []byte // replayed
	for load.Sleep(ctx, attackTick) {
		p := s.peers[0].Load()
		if !s.attack.Load() || p == nil {
			kept = kept[:0]
			continue
		}
		inject := func(b []byte) { _, _ = p.route.far.Write(b) } // lost, as on a network
		for range attackForged {
			if b = p.route.captured(b[:0]); len(b) <= wire.HeaderSize {
				break
			}
			body := b[wire.HeaderSize:]
			body[random.IntN(len(body))] ^= 1 << random.IntN(8)
			binary.BigEndian.PutUint64(b[8:], binary.BigEndian.Uint64(b[8:])+1+random.Uint64N(1000))
			inject(b)
		}
		if len(kept) == 0 {
			kept = p.route.captured(kept)
		}
		for range attackReplay {
			if len(kept) > 0 {
				inject(kept)
			}
		}
		for range attackNoise {
			if b = p.route.captured(b[:0]); len(b) > 8 {
				binary.BigEndian.PutUint32(b[4:], random.Uint32()) // the index of no session
				inject(b)
			}
		}
	}
}
