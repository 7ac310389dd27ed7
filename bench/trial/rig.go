package trial

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/intentra/intentra/bench/contender"
	"github.com/intentra/intentra/internal/load"
)

// ErrNoAnswer: a child has not done in time what it was told.
var ErrNoAnswer = errors.New("no answer from a child process")

// Shape is the arrangement that all contenders are measured in.
type Shape struct {
	Connections int `json:"connections"`
	// Senders is how many processes share the connections.
	Senders int `json:"senders"`
	// Size of a message in bytes.
	Size int `json:"size"`
	// Buffer is how many bytes of queue are asked for, each way, for every
	// socket.
	Buffer int `json:"buffer"`
}

// Rig is a receiver and its senders, each a process, connected.
type Rig struct {
	Contender contender.Contender
	Shape     Shape
	// BytesPerConnection is what an idle connection takes of the receiver's
	// heap and stacks.
	BytesPerConnection float64

	target   contender.Target
	receiver *load.Child
	senders  load.Children
	prober   *load.Child // with one more connection; nil until the first Bounce
}

// How long the children may take beyond what they are asked for.
const (
	openTime = 100 * time.Second
	callTime = 15 * time.Second
)

// Open starts the processes and waits until all connections are up.
func Open(ctx context.Context, c contender.Contender, s Shape) (r *Rig, err error) {
	s.Senders = min(s.Senders, s.Connections)
	r = &Rig{Contender: c, Shape: s}
	defer func() {
		if err != nil {
			err = fmt.Errorf("%s, %d connections: %w", c.Name(), s.Connections, err)
			r.Close()
		}
	}()
	if r.receiver, err = startChild(ctx); err != nil {
		return r, err
	}
	all := s.setup(0, s.Connections+1) // one for the prober
	serve := ServeArgs{Contender: c.Name(), Setup: all}
	if err = call(ctx, r.receiver, callTime, "Receiver.Serve", serve, &r.target); err != nil {
		return r, err
	}
	before, err := r.memory(ctx)
	if err != nil {
		return r, err
	}
	if err = r.dial(ctx); err != nil {
		return r, err
	}
	after, err := r.memory(ctx)
	r.BytesPerConnection = (float64(after) - float64(before)) / float64(s.Connections)
	return r, err
}

func (s Shape) setup(first, connections int) contender.Setup {
	return contender.Setup{Connections: connections, First: first, Size: s.Size, Buffer: s.Buffer}
}

// dial shares the connections among the senders.
func (r *Rig) dial(ctx context.Context) (err error) {
	for range r.Shape.Senders {
		c, err := startChild(ctx)
		if err != nil {
			return err
		}
		r.senders = append(r.senders, c)
	}
	return r.senders.Each(ctx, func(ctx context.Context, i int, c *load.Child) error {
		first, n := r.senders.Share(r.Shape.Connections, i)
		args := DialArgs{Contender: r.Contender.Name(), Setup: r.Shape.setup(first, n), To: r.target}
		return call(ctx, c, openTime, "Sender.Dial", args, &None{})
	})
}

// call has a child do something within the limit.
func call(ctx context.Context, c *load.Child, limit time.Duration, method string, args, reply any) error {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("%s: %w", method, ErrNoAnswer))
	defer cancel()
	return c.Call(ctx, method, args, reply)
}

func (r *Rig) memory(ctx context.Context) (uint64, error) {
	var m MemoryReply
	err := call(ctx, r.receiver, callTime, "Receiver.Memory", None{}, &m)
	return m.Bytes, err
}

// Facts returns what the receiver knows of itself.
func (r *Rig) Facts(ctx context.Context) (contender.Facts, error) {
	var l LookReply
	err := call(ctx, r.receiver, callTime, "Receiver.Look", None{}, &l)
	return l.Facts, err
}

// Close ends all processes.
func (r *Rig) Close() {
	children := slices.Clone(r.senders)
	for _, c := range []*load.Child{r.prober, r.receiver} {
		if c != nil {
			children = append(children, c)
		}
	}
	children.Close()
}
