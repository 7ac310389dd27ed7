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
)

// dialsAtOnce is how many peers connect at a time: enough for the 200
// handshakes a second that a hub begins by default, and few enough that none
// waits out its 5 s for want of a turn.
const dialsAtOnce = 64

// demo is a hub and its peers.
type demo struct {
	*demoCmd
	began   time.Time // what the times in states count from
	keys    []intentra.PrivateKey
	hub     *intentra.Transport
	relay   *relay
	peers   []*demoPeer
	gate    *gate
	late    atomic.Uint64 // states that have left more than a period late
	latency histogram.Histogram
}

// Where states arrive in such numbers that reading the clock and recording it
// would be a good part of the load, one in latencySampled tells its latency.
const (
	latencyAll     = 200_000 // deliveries/s
	latencySampled = 8
)

// demoPeer is one peer's end of its connection. seen belongs to its loop,
// sequence to the pacer that sends for it.
type demoPeer struct {
	*intentra.Peer
	number   int
	sequence uint64
	seen     []arrivals // by publisher

	sent, delivered, corrupt, repeated atomic.Uint64
}

// startDemo starts the hub.
func startDemo(c *demoCmd) (*demo, error) {
	d := &demo{
		demoCmd: c, began: time.Now(), relay: newRelay(), peers: make([]*demoPeer, c.Peers),
		gate: newGate(c.Peers, c.Rate),
	}
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

// connect dials for all peers and shows how far it is. It returns without an
// error once all are connected, or ctx has ended.
func (d *demo) connect(ctx context.Context, w io.Writer, terminal bool) error {
	dialing, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var connected atomic.Int64
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		d.dialAll(dialing, cancel, &connected)
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
			continue
		case <-finished:
			show("\n")
		}
		if ctx.Err() != nil {
			return nil
		}
		return context.Cause(dialing)
	}
}

// dialAll returns when all peers are connected, or the first has failed, which
// cancels the rest.
func (d *demo) dialAll(ctx context.Context, cancel context.CancelCauseFunc, connected *atomic.Int64) {
	var wg sync.WaitGroup
	slots := make(chan struct{}, dialsAtOnce)
	for i := range d.peers {
		slots <- struct{}{}
		if ctx.Err() != nil {
			break
		}
		wg.Go(func() {
			defer func() { <-slots }()
			if err := d.dialOne(ctx, i); err != nil {
				cancel(fmt.Errorf("peer %d of %d: %w", i+1, d.Peers, err))
				return
			}
			connected.Add(1)
		})
	}
	wg.Wait()
}

func (d *demo) dialOne(ctx context.Context, i int) (err error) {
	p := &demoPeer{number: i, seen: make([]arrivals, d.Peers)}
	cfg := intentra.Config{
		Key:     d.keys[i],
		Handler: func(_ *intentra.Peer, m intentra.Message) { d.receive(p, m.Payload) },
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
	case !ok || int(s.publisher) >= d.Peers || int(s.publisher) == to.number:
		to.corrupt.Add(1)
	case to.seen[s.publisher].repeated(s.sequence):
		to.repeated.Add(1)
	default:
		if s.sequence%latencySampled == 0 || float64(d.Peers*d.Peers)*d.Rate < latencyAll {
			d.latency.Record(time.Since(d.began) - s.sent)
		}
		to.delivered.Add(1)
	}
}

// close ends all connections at once.
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
