package main

import (
	"context"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/internal/histogram"
	"github.com/intentra/intentra/internal/load"
)

// dialsAtOnce is how many peers connect at a time: enough for the 200
// handshakes a second that a hub begins by default, and few enough that no dial
// times out after 5 s while it waits for its turn.
const dialsAtOnce = 64

// demo is a hub and its peers.
type demo struct {
	*demoCmd
	keys    []intentra.PrivateKey
	hub     *intentra.Transport
	relay   *relay
	peers   []*demoPeer
	gate    *gate
	late    atomic.Uint64 // states that were sent more than a period late
	latency histogram.Histogram
}

// From latencyAll deliveries a second on, reading the clock and recording each
// latency would be a good part of the load, so only one state in latencySampled
// has its latency measured.
const (
	latencyAll     = 200_000
	latencySampled = 8
)

// demoPeer is one peer's end of its connection. seen belongs to the peer's
// event loop, sequence to the goroutine that publishes for it.
type demoPeer struct {
	*intentra.Peer
	number   int
	sequence uint64
	seen     []arrivals // by publisher

	sent, delivered, corrupt, repeated atomic.Uint64
}

// startDemo starts the hub.
func startDemo(c *demoCmd) (*demo, error) {
	d := &demo{demoCmd: c, relay: newRelay(), peers: make([]*demoPeer, c.Peers), gate: newGate(c.Peers, c.Rate)}
	allowed := map[intentra.PublicKey]bool{}
	for range c.Peers + 1 {
		k, err := intentra.GenerateKey()
		if err != nil {
			return nil, err
		}
		d.keys = append(d.keys, k)
		allowed[k.Public()] = true
	}
	cfg := relayConfig(d.keys[c.Peers], d.relay)
	cfg.Authorize = func(k intentra.PublicKey) bool { return allowed[k] }
	var err error
	d.hub, err = intentra.Listen("127.0.0.1:0", cfg)
	return d, err
}

// connect connects all peers and reports progress to w. It returns nil when all
// are connected, and when ctx has ended.
func (d *demo) connect(ctx context.Context, w io.Writer, terminal bool) error {
	var connected atomic.Int64
	finished := make(chan error, 1)
	go func() {
		finished <- load.Parallel(ctx, len(d.peers), dialsAtOnce, func(ctx context.Context, i int) error {
			if err := d.dial(ctx, i); err != nil {
				return fmt.Errorf("peer %d of %d: %w", i+1, d.Peers, err)
			}
			connected.Add(1)
			return nil
		})
	}()
	show := func(end string) { fmt.Fprintf(w, "connecting %d/%d%s", connected.Load(), d.Peers, end) }
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if terminal {
				show("\r")
			}
		case err := <-finished:
			show("\n")
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
	}
}

// dial connects peer i.
func (d *demo) dial(ctx context.Context, i int) (err error) {
	p := &demoPeer{number: i, seen: make([]arrivals, d.Peers)}
	cfg := intentra.Config{
		Key:     d.keys[i],
		Handler: func(m intentra.Received) { d.receive(p, m.Payload) },
	}
	p.Peer, err = intentra.Dial(ctx, d.hub.LocalAddr().String(), d.hub.PublicKey(), cfg)
	if err == nil {
		d.peers[i] = p
	}
	return err
}

// receive checks and counts one delivery.
func (d *demo) receive(to *demoPeer, payload []byte) {
	s, ok := readState(payload, d.Size)
	switch {
	case !ok || int(s.ID) >= d.Peers || int(s.ID) == to.number:
		to.corrupt.Add(1)
	case to.seen[s.ID].repeated(s.sequence):
		to.repeated.Add(1)
	default:
		if s.sequence%latencySampled == 0 || float64(d.Peers*d.Peers)*d.Rate < latencyAll {
			d.latency.Record(load.Now() - s.At)
		}
		to.delivered.Add(1)
	}
}

// close closes all transports at the same time, the hub's last.
func (d *demo) close() {
	var wg sync.WaitGroup
	for _, p := range d.peers {
		if p != nil {
			wg.Go(func() { _ = p.Transport().Close() })
		}
	}
	wg.Wait()
	if d.hub != nil {
		_ = d.hub.Close()
	}
}
