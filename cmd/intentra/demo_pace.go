package main

import (
	"context"
	"runtime"
	"sync"
	"time"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/internal/load"
)

// What we chose.
const (
	// paceTick is the least time that a pacer sleeps: what falls due meanwhile
	// is sent together, so that pacing takes little of the CPU that is measured.
	paceTick = time.Millisecond
	// peersPerPacer is how many peers one goroutine sends for, as long as
	// there are CPUs for more.
	peersPerPacer = 500
)

// publish sends every peer's states, spread evenly over the period, until the
// duration is over or ctx ends. It returns how long that was, and how many
// states fell due in it.
func (d *demo) publish(ctx context.Context) (took time.Duration, asked uint64) {
	n := min(runtime.GOMAXPROCS(0), 1+len(d.peers)/peersPerPacer)
	start := time.Now()
	watching, stop := context.WithCancel(ctx)
	var watch, wg sync.WaitGroup
	watch.Go(func() { d.gate.watch(watching, d.settled) })
	defer watch.Wait()
	defer stop()
	var sizes []int
	for i := range n {
		var share []*demoPeer
		for j := i; j < len(d.peers); j += n {
			share = append(share, d.peers[j])
		}
		sizes = append(sizes, len(share))
		wg.Go(func() { d.pace(ctx, start, share) })
	}
	wg.Wait()
	took = time.Since(start)
	for _, peers := range sizes {
		asked += dueBefore(min(took, d.Duration), d.period(), peers)
	}
	return took, asked
}

// due is when a peer sends its state of a round, counted from the start.
func due(round, turn int, period time.Duration, peers int) time.Duration {
	return time.Duration(round)*period + period*time.Duration(turn)/time.Duration(peers)
}

// dueBefore returns how many states of some peers are due before a time.
func dueBefore(limit, period time.Duration, peers int) uint64 {
	rounds, rest := limit/period, limit%period
	turns := (rest*time.Duration(peers) + period - 1) / period
	return uint64(rounds)*uint64(peers) + uint64(turns)
}

// settled returns how many states have arrived everywhere, as far as the sum of
// all deliveries tells.
func (d *demo) settled() int64 {
	var n uint64
	for _, p := range d.peers {
		n += p.delivered.Load()
	}
	return int64(n / uint64(max(d.Peers-1, 1)))
}

// pace sends for its share of the peers in turn, each state at its own
// absolute time: being late once delays nothing that follows. One for which the
// gate is closed is late. What is not sent by the end of the duration is never
// sent. It returns at the end of the duration, and no sooner.
func (d *demo) pace(ctx context.Context, start time.Time, share []*demoPeer) {
	buf := make([]byte, d.Size)
	period := d.period()
	for j := 0; ; j++ {
		round, turn := j/len(share), j%len(share)
		due := due(round, turn, period, len(share))
		now := time.Since(start)
		if due >= d.Duration || now >= d.Duration {
			load.Sleep(ctx, d.Duration-now)
			return
		}
		if due > now && !load.Sleep(ctx, max(due-now, paceTick)) || ctx.Err() != nil {
			return
		}
		for !d.gate.open() {
			if !load.Sleep(ctx, paceTick) || time.Since(start) >= d.Duration {
				return
			}
		}
		if now > due && time.Since(start)-due > period {
			d.late.Add(1)
		}
		d.send(share[turn], buf)
	}
}

// send publishes the next state of p. One that the transport does not take,
// because the connection is down, is not a state sent: its number is used
// again.
func (d *demo) send(p *demoPeer, buf []byte) {
	state{uint32(p.number), p.sequence, time.Since(d.began)}.fill(buf)
	if p.Send(intentra.Message{Intent: intentra.Realtime, Payload: buf}).Status != intentra.Dropped {
		p.sequence++
		p.sent.Add(1)
		d.gate.sent.Add(1)
	}
}
