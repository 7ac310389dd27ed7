package trial

import (
	"context"
	"errors"
	"runtime"

	"github.com/intentra/intentra/bench/contender"
	"github.com/intentra/intentra/internal/histogram"
)

var errNotServing = errors.New("not serving")

// Receiver is the service of a child that receives.
type Receiver struct {
	server contender.Server
	sink   *contender.Sink
	seen   *histogram.Snapshot
}

// Serve opens the receiver.
func (r *Receiver) Serve(a ServeArgs, reply *contender.Target) error {
	c, err := Find(a.Contender)
	if err != nil {
		return err
	}
	r.sink = contender.NewSink(a.Size)
	r.seen = r.sink.Latency()
	if r.server, err = c.Serve(context.Background(), a.Setup, r.sink); err != nil {
		return err
	}
	*reply = r.server.Target()
	return nil
}

// Count returns how many messages have been delivered.
func (r *Receiver) Count(_ None, reply *uint64) error {
	if r.server == nil {
		return errNotServing
	}
	*reply = r.sink.Delivered()
	return nil
}

// Look returns all counters.
func (r *Receiver) Look(_ None, reply *LookReply) error {
	if r.server == nil {
		return errNotServing
	}
	now := r.sink.Latency()
	fresh := now.Since(r.seen)
	r.seen = now
	*reply = LookReply{
		Delivered: r.sink.Delivered(), Wrong: r.sink.Wrong(), CPU: cpuTime(), Facts: r.server.Facts(),
		Samples: fresh.Count(), P50: fresh.Quantile(0.5), P99: fresh.Quantile(0.99), P999: fresh.Quantile(0.999),
	}
	return nil
}

// Memory collects garbage and returns what is left.
func (r *Receiver) Memory(_ None, reply *MemoryReply) error {
	// Twice: finalizers and pools let go in the second.
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	reply.Bytes = m.HeapAlloc + m.StackInuse
	return nil
}
