package trial

import (
	"context"
	"errors"
	"runtime"

	"github.com/intentra/intentra/bench/contender"
	"github.com/intentra/intentra/internal/load"
)

var errNotServing = errors.New("the receiver is not open")

// Receiver is the service of a child that receives.
type Receiver struct {
	server contender.Server
	sink   *contender.Sink
}

// Serve opens the receiver. It is the first call.
func (r *Receiver) Serve(a ServeArgs, reply *contender.Target) error {
	c, err := Find(a.Contender)
	if err != nil {
		return err
	}
	r.sink = contender.NewSink(a.Size)
	if r.server, err = c.Serve(context.Background(), a.Setup, r.sink); err != nil {
		return err
	}
	*reply = r.server.Target()
	return nil
}

// Begin starts the measurement of messages with an ID, and returns the state
// before it.
func (r *Receiver) Begin(id uint32, reply *LookReply) error {
	if r.server == nil {
		return errNotServing
	}
	r.sink.Begin(id)
	return r.Look(None{}, reply)
}

// Count returns how many messages of the measurement have arrived.
func (r *Receiver) Count(_ None, reply *uint64) error {
	if r.server == nil {
		return errNotServing
	}
	*reply = r.sink.Delivered()
	return nil
}

// Look returns the state.
func (r *Receiver) Look(_ None, reply *LookReply) (err error) {
	if r.server == nil {
		return errNotServing
	}
	l := r.sink.Latency()
	*reply = LookReply{
		Delivered: r.sink.Delivered(), P50: l.Quantile(0.5), P99: l.Quantile(0.99), P999: l.Quantile(0.999),
		Wrong: r.sink.Wrong(), Facts: r.server.Facts(),
	}
	if reply.Switches, err = load.ContextSwitches(); err != nil {
		return err
	}
	reply.CPU, err = load.CPUTime()
	return err
}

// Memory collects garbage and returns the bytes in use: objects on the heap,
// and stacks.
func (r *Receiver) Memory(_ None, bytes *uint64) error {
	// The second collection frees what finalizers and pools held in the first.
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	*bytes = m.HeapAlloc + m.StackInuse
	return nil
}
