package intentra_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/internal/loopback"
	"github.com/intentra/intentra/internal/race"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/stages"
)

// parity adds a user's stage to both chains.
func parity(s *stages.Set) error {
	drop := func(p *pipeline.Packet) pipeline.Verdict {
		if b := p.Payload(); len(b) > 0 && b[0]&1 == 1 {
			return pipeline.DropFirst
		}
		return pipeline.Accept
	}
	s.InsertAfter("ack", pipeline.Func("parity_in", []string{"odd"}, drop))
	s.Outbound.InsertBefore("pack", pipeline.Func("parity_out", []string{"odd"}, drop))
	return nil
}

// echo is a pair whose listener sends every message back.
type echo struct {
	ctx  context.Context
	p    *intentra.Peer
	back atomic.Int64  // echoes received
	goal atomic.Int64  // the number of echoes to wait for
	done chan struct{} // signalled when goal is reached
	m    intentra.Message
	// window is the largest number of messages under way: fewer than any queue
	// holds, so that none is refused or replaced.
	window int
}

func newEcho(t testing.TB, cfg intentra.Config, intent intentra.Intent, size int) *echo {
	e := &echo{ctx: loopback.Context(t), done: make(chan struct{}, 1), m: intentra.Message{Intent: intent, Payload: make([]byte, size)}}
	// An empty queue keeps 16 KiB of buffer. A burst that needs more allocates it
	// each time.
	e.window = min(200, 16<<10/size)
	cfg.PeerRate, cfg.PeerBurst = 1<<20, 1<<16 // so that pacing never delays a message
	server, client := cfg, cfg
	server.Handler = func(m intentra.Received) { m.Peer.Send(m.Message) }
	client.Handler = func(intentra.Received) {
		if e.back.Add(1) == e.goal.Load() {
			e.done <- struct{}{}
		}
	}
	e.p = loopback.Dial(t, loopback.Listen(t, server), client)
	return e
}

// run sends about n messages and waits for their echoes.
func (e *echo) run(t testing.TB, n int) {
	for range n / e.window {
		e.goal.Store(e.back.Load() + int64(e.window))
		for i := range e.window {
			e.m.Channel = uint32(i)
			binary.BigEndian.PutUint32(e.m.Payload[4:], uint32(i))
			if r := e.p.Send(e.m); r.Status != intentra.Queued {
				require.FailNow(t, "not queued", "%v", r)
			}
		}
		select {
		case <-e.done:
		case <-e.ctx.Done():
			require.FailNow(t, "echoes are missing", "%d of %d", e.back.Load(), e.goal.Load())
		}
	}
}

// In steady state no message allocates, in either direction, on either side, with
// or without user's stages and stamps.
func TestMessagesAllocateNothing(t *testing.T) {
	if race.Enabled {
		t.Skip("the race detector allocates")
	}
	for name, cfg := range map[string]intentra.Config{
		"default chain": {},
		"own stages":    {Stages: parity},
		"ChaChaPoly":    {Suite: intentra.ChaChaPoly},
	} {
		for _, intent := range intents {
			for _, size := range []int{32, 800} {
				t.Run(fmt.Sprintf("%s/%v/%d bytes", name, intent, size), func(t *testing.T) {
					e := newEcho(t, cfg, intent, size)
					e.m.Stamp = size == 32
					const n = 10_000
					e.run(t, 3*n) // until all buffers have grown
					fixed := 0
					if e.m.Stamp { // a queue keeps a record for as many stamped messages as ever waited at once
						fixed = 2 * e.window
					}
					// A Reliable lane grows whenever more messages than before wait for an
					// acknowledgement, as one that is late has them do: hence the best of several.
					each := 1.0
					for range 5 {
						var before, after runtime.MemStats
						runtime.ReadMemStats(&before)
						e.run(t, n)
						runtime.ReadMemStats(&after)
						each = min(each, (float64(after.Mallocs-before.Mallocs)-float64(fixed))/(2*n))
					}
					require.Less(t, each, 0.01, "allocations per message, besides buffers that grow to a new maximum")
				})
			}
		}
	}
}
