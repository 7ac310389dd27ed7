package main

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/internal/load"
)

// peersPerPublisher is how many peers one goroutine sends for, as long as there
// are CPUs for more goroutines.
const peersPerPublisher = 500

// publish sends every peer's states, spread evenly over the period, until the
// end of the duration or of ctx. It returns how long that was, and how many
// states fell due in that time.
func (d *demo) publish(ctx context.Context) (took time.Duration, asked uint64) {
	n := min(runtime.GOMAXPROCS(0), 1+len(d.peers)/peersPerPublisher)
	start := load.Now()
	watching, stop := context.WithCancel(ctx)
	var watch, publishers sync.WaitGroup
	watch.Go(func() { d.gate.watch(watching, d.settled) })
	defer watch.Wait()
	defer stop()
	var offered atomic.Uint64
	for i := range n {
		var share []*demoPeer
		for j := i; j < len(d.peers); j += n {
			share = append(share, d.peers[j])
		}
		publishers.Go(func() { offered.Add(d.publishFor(ctx, start, share)) })
	}
	publishers.Wait()
	return load.Now() - start, offered.Load()
}

// settled returns how many states have arrived at all peers, judging by the sum
// of all deliveries.
func (d *demo) settled() int64 {
	var n uint64
	for _, p := range d.peers {
		n += p.delivered.Load()
	}
	return int64(n / uint64(max(d.Peers-1, 1)))
}

// publishFor sends the states of some peers in turn, and returns how many fell
// due. A state for which the gate is closed waits, and one that has not been
// sent by the end of the duration is never sent. publishFor does not return
// before that end, unless ctx ends.
func (d *demo) publishFor(ctx context.Context, start time.Duration, peers []*demoPeer) (offered uint64) {
	p := &load.Pacer{Start: start, Rate: d.Rate * float64(len(peers)), Duration: d.Duration}
	period := time.Duration(float64(time.Second) / d.Rate)
	buf := make([]byte, d.Size)
	turn := 0
	for due, ok := p.Wait(ctx); ok; due, ok = p.Wait(ctx) {
		if !d.gate.wait(ctx, start+d.Duration) {
			continue // Wait returns false, and accounts for all states that are due
		}
		if sent := d.send(peers[turn], buf); sent-due > period {
			d.late.Add(1)
		}
		turn = (turn + 1) % len(peers)
	}
	load.SleepUntil(ctx, start+d.Duration)
	return p.Offered()
}

// send publishes the next state of p and returns the time of that. A state that
// the transport rejects, because the connection is down, does not count as
// sent, and its number is used again.
func (d *demo) send(p *demoPeer, buf []byte) time.Duration {
	s := state{load.Stamp{At: load.Now(), ID: uint32(p.number)}, p.sequence}
	s.fill(buf)
	if p.Send(intentra.Message{Intent: intentra.Realtime, Payload: buf}).Status != intentra.Dropped {
		p.sequence++
		p.sent.Add(1)
		d.gate.sent.Add(1)
	}
	return s.At
}
