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

// ErrNoAnswer is returned when a child process does not answer in time.
var ErrNoAnswer = errors.New("no answer from a child process")

// Shape is the arrangement in which all contenders are measured.
type Shape struct {
	Connections int `json:"connections"`
	// Senders is how many processes share the connections.
	Senders int `json:"senders"`
	// Size of a message in bytes.
	Size int `json:"size"`
	// Buffer is how many bytes of buffer are asked for, for each socket and
	// direction.
	Buffer int `json:"buffer"`
}

// Rig is a receiver and its senders, each a process of its own, connected.
type Rig struct {
	Contender contender.Contender
	Shape     Shape
	// BytesPerConnection is how much heap and stack the receiver uses for an
	// idle connection.
	BytesPerConnection float64

	target   contender.Target
	receiver load.Children // one
	senders  load.Children
	prober   load.Children // one with one more connection, after the first RoundTrips
	id       uint32        // of the latest measurement
}

// How long the children may take beyond the length of a measurement.
const (
	openTime = 100 * time.Second
	callTime = 15 * time.Second
)

// Open starts the processes and waits until all connections are open.
func Open(ctx context.Context, c contender.Contender, s Shape) (*Rig, error) {
	s.Senders = min(s.Senders, s.Connections)
	r := &Rig{Contender: c, Shape: s}
	if err := r.open(ctx); err != nil {
		r.Close()
		return nil, fmt.Errorf("%s, %d connections: %w", c.Name(), s.Connections, err)
	}
	return r, nil
}

func (r *Rig) open(ctx context.Context) (err error) {
	if r.receiver, err = startChildren(ctx, 1); err != nil {
		return err
	}
	all := r.Shape.setup(0, r.Shape.Connections+1) // one for the prober
	serve := ServeArgs{Contender: r.Contender.Name(), Setup: all}
	if err = r.ask(ctx, "Receiver.Serve", serve, &r.target); err != nil {
		return err
	}
	var before, after uint64
	if err = r.ask(ctx, "Receiver.Memory", None{}, &before); err != nil {
		return err
	}
	if err = r.dial(ctx); err != nil {
		return err
	}
	if err = r.ask(ctx, "Receiver.Memory", None{}, &after); err != nil {
		return err
	}
	r.BytesPerConnection = (float64(after) - float64(before)) / float64(r.Shape.Connections)
	return nil
}

func (s Shape) setup(first, connections int) contender.Setup {
	return contender.Setup{Connections: connections, First: first, Size: s.Size, Buffer: s.Buffer}
}

// dial has the senders open their shares of the connections.
func (r *Rig) dial(ctx context.Context) (err error) {
	if r.senders, err = startChildren(ctx, r.Shape.Senders); err != nil {
		return err
	}
	return r.senders.Each(ctx, func(ctx context.Context, i int, c *load.Child) error {
		first, n := r.senders.Share(r.Shape.Connections, i)
		args := DialArgs{Contender: r.Contender.Name(), Setup: r.Shape.setup(first, n), To: r.target}
		return call(ctx, c, openTime, "Sender.Dial", args, &None{})
	})
}

// ask calls a method of the receiver.
func (r *Rig) ask(ctx context.Context, method string, args, reply any) error {
	return call(ctx, r.receiver[0], callTime, method, args, reply)
}

// call calls a method of a child, which must answer within limit.
func call(ctx context.Context, c *load.Child, limit time.Duration, method string, args, reply any) error {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("%s: %w", method, ErrNoAnswer))
	defer cancel()
	return c.Call(ctx, method, args, reply)
}

// Facts returns the receiver's facts.
func (r *Rig) Facts(ctx context.Context) (contender.Facts, error) {
	var l LookReply
	err := r.ask(ctx, "Receiver.Look", None{}, &l)
	return l.Facts, err
}

// Close ends all processes.
func (r *Rig) Close() {
	slices.Concat(r.senders, r.prober, r.receiver).Close()
}
