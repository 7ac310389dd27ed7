package relay

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/intentra/intentra/bench/alternatives"
	"github.com/intentra/intentra/bench/ours"
	"github.com/intentra/intentra/bench/raw"
	"github.com/intentra/intentra/internal/load"
)

// Shape says what the members do.
type Shape struct {
	Members  int
	Rate     float64 // states per second of each member
	Size     int     // bytes of a state
	Duration time.Duration
}

// Hub is one implementation.
type Hub struct {
	Name, Note string
	// Open opens the hub and its members. deliver is called with each state that arrives
	// at a member, from one goroutine at a time for each member, and does not keep it.
	Open func(ctx context.Context, s Shape, deliver func(to int, payload []byte)) (Running, error)
}

// Running is a hub with its members.
type Running interface {
	// Send publishes a state of a member, and does not keep it. It is called from one
	// goroutine at a time for each member.
	Send(i int, payload []byte) error
	Close() error
}

// Hubs are the implementations, in the order in which they are shown.
var Hubs = []Hub{
	{
		"raw", "hand-written loop: a socket for each member, AES-256-GCM, GSO and GRO, no further guarantees",
		func(ctx context.Context, s Shape, deliver func(int, []byte)) (Running, error) {
			return raw.OpenRelay(ctx, s.Members, deliver)
		},
	},
	{
		"intentra", "hub.Hub and hub.Client, Realtime topics",
		func(ctx context.Context, s Shape, deliver func(int, []byte)) (Running, error) {
			return ours.OpenRelay(ctx, s.Members, s.Rate, s.Size, deliver)
		},
	},
	{
		"nats", "nats-server and nats.go over TCP, not encrypted",
		func(_ context.Context, s Shape, deliver func(int, []byte)) (Running, error) {
			return alternatives.OpenNATS(s.Members, deliver)
		},
	},
}

// Find returns the implementation with a name.
func Find(name string) (Hub, bool) {
	for _, h := range Hubs {
		if h.Name == name {
			return h, true
		}
	}
	return Hub{}, false
}

// Result is one measurement.
type Result struct {
	Hub        string  `json:"hub"`
	Sent       uint64  `json:"sent"` // states
	Deliveries uint64  `json:"deliveries"`
	PerSecond  float64 `json:"deliveries_per_s"`
	Delivery   float64 `json:"delivery"` // share of what was sent
	P50Us      float64 `json:"p50_us"`   // from Send to the receiver
	P99Us      float64 `json:"p99_us"`
	Cores      float64 `json:"cores"` // that the whole process used
}

// Measure measures one implementation. Deliveries that are corrupt or repeated are an
// error.
func Measure(ctx context.Context, h Hub, s Shape) (*Result, error) {
	var running Running
	mesh := load.NewMesh(s.Members, s.Rate, s.Size, s.Duration, func(i int, payload []byte) error { return running.Send(i, payload) })
	running, err := h.Open(ctx, s, mesh.Receive)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", h.Name, err)
	}
	defer func() { _ = running.Close() }()
	before, err := load.CPUTime()
	if err != nil {
		return nil, err
	}
	took, _ := mesh.Send(ctx)
	after, err := load.CPUTime()
	if err != nil {
		return nil, err
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	mesh.Drain()
	c := mesh.Counts()
	if c.Corrupt+c.Repeated > 0 {
		return nil, fmt.Errorf("%s: %d deliveries were corrupt and %d repeated", h.Name, c.Corrupt, c.Repeated)
	}
	l := load.LatencyOf(c.Latency)
	return &Result{
		Hub: h.Name, Sent: c.Sent, Deliveries: c.Delivered, PerSecond: math.Round(float64(c.Delivered) / took.Seconds()),
		Delivery: load.Ratio(float64(c.Delivered), float64(c.Sent)*float64(s.Members-1)),
		P50Us:    l.P50, P99Us: l.P99, Cores: (after - before).Seconds() / took.Seconds(),
	}, nil
}
