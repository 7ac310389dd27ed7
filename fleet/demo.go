package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/fleet/node"
	"github.com/intentra/intentra/fleet/roam"
	"github.com/intentra/intentra/hub"
	"github.com/intentra/intentra/internal/load"
)

// What we chose.
const (
	maxDemoHubs  = 16
	maxDemoPeers = 2000
	dialsAtOnce  = 32
	// queue sizes of the hubs, as those of intentra demo: a subscriber's queue holds one
	// turn of a loop that reads from many publishers.
	queueMessages = 1 << 12
	queueBytes    = 1 << 20
)

type demoCommand struct {
	Hubs     int           `default:"3" help:"How many hubs, 1 to 16."`
	Peers    int           `default:"300" help:"How many peers, 2 to 2,000."`
	Rate     float64       `default:"60" help:"States per second of each peer."`
	Size     int           `default:"64" help:"Bytes of a state."`
	Share    float64       `default:"0.1" help:"To which part of the peers each one subscribes."`
	Duration time.Duration `default:"10s" help:"How long to publish."`
	Gather   time.Duration `default:"4ms" help:"How long updates wait for others on their way to another hub; negative: not at all."`
	Batch    int           `default:"16384" help:"Bytes of updates that travel together at most; 1: each alone."`
	JSON     bool          `name:"json" help:"Print the result as one line of JSON."`
}

// demo is a fleet and its peers.
type demo struct {
	*demoCommand
	keys    []intentra.PrivateKey
	nodes   []*node.Node
	clients []*roam.Client
	topics  []*hub.Publication
	mesh    *load.Mesh
	wants   int                    // subscriptions of each peer
	change  func(*node.Config)     // for tests; may be nil
	peer    func(*intentra.Config) // for tests; may be nil
}

// demoResult is the result of a demo.
type demoResult struct {
	Hubs       int     `json:"hubs"`
	Peers      int     `json:"peers"`
	RateHz     float64 `json:"rate_hz"`
	Share      float64 `json:"share"`
	StatesSent uint64  `json:"states_sent"`
	StatesLate uint64  `json:"states_late"`
	Expected   uint64  `json:"deliveries_expected"`
	Deliveries uint64  `json:"deliveries"`
	Delivery   float64 `json:"delivery"`
	P50        float64 `json:"p50_us"`
	P99        float64 `json:"p99_us"`
	Corrupt    uint64  `json:"corrupt"`
	Repeated   uint64  `json:"repeated"`
	// Losses says where deliveries were lost. Their sum is DeliveriesExpected - Deliveries -
	// Corrupt - Repeated.
	Losses []loss `json:"losses"`
	// Of the hubs, all together.
	Batches  uint64  `json:"batches"`
	Crossed  uint64  `json:"updates_crossed"`
	PerBatch float64 `json:"updates_per_batch"`
	Missing  uint64  `json:"batches_missing"`
	Dropped  uint64  `json:"updates_dropped"`
	Overflow uint64  `json:"overflow"`
	Slow     uint64  `json:"slow"`
	Refused  uint64  `json:"refused"`
	CPUS     float64 `json:"cpu_s"`
}

func (c *demoCommand) Run(ctx context.Context, o *output) error {
	switch {
	case c.Hubs < 1 || c.Hubs > maxDemoHubs:
		return usageError{fmt.Errorf("demo: --hubs is %d; give 1 to %d", c.Hubs, maxDemoHubs)}
	case c.Peers < 2 || c.Peers > maxDemoPeers:
		return usageError{fmt.Errorf("demo: --peers is %d; give 2 to %d", c.Peers, maxDemoPeers)}
	case !(c.Rate >= 0.1 && c.Rate <= 10_000) || !(c.Share > 0 && c.Share <= 1) || c.Size < load.MinState || c.Size > 1000 || c.Duration <= 0:
		return usageError{fmt.Errorf("demo: give --rate 0.1 to 10,000, --share above 0 to 1, --size %d to 1,000 and a positive --duration", load.MinState)}
	}
	d := newDemo(c)
	defer d.close()
	if err := d.open(); err != nil {
		return err
	}
	if err := d.connect(ctx, o.err); err != nil {
		return err
	}
	r, err := d.measure(ctx, o.err)
	if err != nil {
		return err
	}
	if c.JSON {
		err = json.NewEncoder(o.out).Encode(r)
	} else {
		err = r.print(o.out)
	}
	if err == nil && r.Corrupt+r.Repeated > 0 {
		err = errors.New("demo: corrupt or repeated states were delivered")
	}
	return errors.Join(err, check(r.Losses))
}

func newDemo(c *demoCommand) *demo {
	return &demo{
		demoCommand: c, clients: make([]*roam.Client, c.Peers), topics: make([]*hub.Publication, c.Peers),
		wants: max(1, int(math.Round(c.Share*float64(c.Peers-1)))),
	}
}

// open starts the hubs.
func (d *demo) open() error {
	d.mesh = load.NewMesh(d.Peers, d.Rate, d.Size, d.Duration, func(i int, payload []byte) error { return d.topics[i].Send(payload) })
	d.mesh.SetFan(d.wants)
	var list strings.Builder
	for i := range d.Peers {
		k, err := intentra.GenerateKey()
		if err != nil {
			return err
		}
		d.keys = append(d.keys, k)
		fmt.Fprintf(&list, "%s peer-%d\n", k.Public(), i)
	}
	access, err := hub.ParseAccess(strings.NewReader(list.String()))
	if err != nil {
		return err
	}
	var routes []string // of the hubs before: their servers tell each other of the rest
	for range d.Hubs {
		key, err := intentra.GenerateKey()
		if err != nil {
			return err
		}
		cfg := node.Config{Listen: "127.0.0.1:0", Hub: hub.Config{Access: access}, Embedded: node.Embedded{Cluster: "127.0.0.1:0", Routes: routes}, Gather: d.Gather, Batch: d.Batch}
		cfg.Hub.Transport = intentra.Config{Key: key, SendQueueMessages: queueMessages, SendQueueBytes: queueBytes}
		cfg.Hub.Limits.Updates = max(10_000, int(2*d.Rate))
		if d.change != nil {
			d.change(&cfg)
		}
		n, err := node.Open(cfg)
		if err != nil {
			return err
		}
		d.nodes = append(d.nodes, n)
		routes = append(routes, n.ClusterAddr())
	}
	return nil
}

// connect connects the peers and waits until each gets the topics that it wants.
func (d *demo) connect(ctx context.Context, w io.Writer) error {
	var hubs []hub.Address
	for _, n := range d.nodes {
		t := n.Hub().Transport()
		hubs = append(hubs, hub.Address{Addr: t.LocalAddr().String(), Key: t.PublicKey()})
	}
	err := load.Parallel(ctx, d.Peers, dialsAtOnce, func(ctx context.Context, i int) (err error) {
		cfg := hub.ClientConfig{Transport: intentra.Config{Key: d.keys[i], IdleTimeout: time.Minute}}
		if d.peer != nil {
			d.peer(&cfg.Transport)
		}
		if d.clients[i], err = roam.Dial(ctx, hubs, cfg); err != nil {
			return fmt.Errorf("demo: peer %d: %w", i, err)
		}
		d.topics[i], err = d.clients[i].Declare(ctx, hub.Topic{Name: "state", Intent: intentra.Realtime})
		return err
	})
	if err != nil {
		return err
	}
	var asked atomic.Int64
	err = load.Parallel(ctx, d.Peers, dialsAtOnce, func(ctx context.Context, i int) error {
		receive := func(u hub.Update) { d.mesh.Receive(i, u.Payload) }
		if d.wants == d.Peers-1 {
			asked.Add(int64(d.wants))
			_, err := d.clients[i].Subscribe(ctx, hub.Subscription{Pattern: "*/state", Handler: receive})
			return err
		}
		for j := range d.wants {
			pattern := fmt.Sprintf("peer-%d/state", (i+1+j)%d.Peers)
			if _, err := d.clients[i].Subscribe(ctx, hub.Subscription{Pattern: pattern, Handler: receive}); err != nil {
				return err
			}
			asked.Add(1)
		}
		return nil
	})
	if err != nil {
		return err
	}
	all := d.Peers * d.wants
	for d.feeds() < all || !d.demanded() {
		if !load.Sleep(ctx, 100*time.Millisecond) {
			return context.Cause(ctx)
		}
	}
	fmt.Fprintf(w, "%d peers, %d subscriptions\n", d.Peers, all)
	return nil
}

// feeds returns how many topics the peers are subscribed to, all together.
func (d *demo) feeds() (n int) {
	for _, node := range d.nodes {
		for _, t := range node.Hub().Topics() {
			n += t.Subscribers
		}
	}
	return n
}

// demanded reports whether each publisher knows that its topic is wanted, and the hub of each that
// other hubs want it. States that are published before that are lost, and no counter says where.
func (d *demo) demanded() bool {
	want, got := 0, 0
	home := make(map[string]intentra.PublicKey)
	for i, c := range d.clients {
		if !d.topics[i].Wanted() {
			return false
		}
		home[c.Name()+"/state"] = c.Peer().Key()
	}
	for _, n := range d.nodes {
		for _, t := range n.Hub().Topics() {
			if t.Subscribers > 0 && home[t.Path] != n.Hub().Transport().PublicKey() {
				want++
			}
		}
		got += n.Status().Demands
	}
	return got >= want
}

// measure publishes, and prints a line each second.
func (d *demo) measure(ctx context.Context, w io.Writer) (*demoResult, error) {
	first, err := load.ReadUsage()
	if err != nil {
		return nil, err
	}
	start := d.count()
	published := make(chan struct{})
	go func() {
		defer close(published)
		d.mesh.Send(ctx)
		d.mesh.Drain()
	}()
	fmt.Fprintln(w, "TIME  STATES/S  DELIVERIES/S  CROSSED/S  MISSING")
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	before := d.mesh.Counts()
	var crossed uint64
	for second := 1; ; second++ {
		select {
		case <-tick.C:
			c, s := d.mesh.Counts(), d.sum()
			fmt.Fprintf(w, "%3ds %9d %13d %10d %8d\n", second, c.Sent-before.Sent, c.Delivered-before.Delivered, s.Crossed-crossed, s.Missing)
			before, crossed = c, s.Crossed
			continue
		case <-published:
		}
		break
	}
	last, err := load.ReadUsage()
	if err != nil {
		return nil, err
	}
	d.calm(ctx)
	r, c := d.sum(), d.mesh.Counts()
	l := load.LatencyOf(c.Latency)
	r.Hubs, r.Peers, r.RateHz, r.Share = d.Hubs, d.Peers, d.Rate, d.Share
	r.StatesSent, r.StatesLate, r.Deliveries, r.Corrupt, r.Repeated = c.Sent, c.Late, c.Delivered, c.Corrupt, c.Repeated
	r.Expected = c.Sent * uint64(d.wants)
	r.Losses = merge(account(start, d.count(), d.wants))
	r.Delivery = load.Ratio(float64(r.Deliveries), float64(r.Expected))
	r.P50, r.P99 = float64(l.P50), float64(l.P99)
	r.PerBatch = load.Ratio(float64(r.Crossed), float64(r.Batches))
	r.CPUS = math.Round(100*(last.CPU-first.CPU).Seconds()) / 100
	return r, nil
}

// calm waits until nothing arrives for a second, so that what is still under way is not counted
// as lost.
func (d *demo) calm(ctx context.Context) {
	for before := d.mesh.Counts(); before.Delivered < before.Sent*uint64(d.wants); {
		if !load.Sleep(ctx, time.Second) {
			return
		}
		now := d.mesh.Counts()
		if now.Delivered == before.Delivered {
			return
		}
		before = now
	}
}

// sum adds the counters of all hubs.
func (d *demo) sum() *demoResult {
	r := new(demoResult)
	for _, n := range d.nodes {
		s := n.Status()
		r.Batches += s.BatchesSent
		r.Crossed += s.UpdatesSent
		r.Missing += s.Batches.Missing - s.Batches.Reordered
		for _, drops := range s.Drops {
			r.Dropped += drops
		}
		r.Overflow += s.Overflow
		r.Slow += s.Slow
		r.Refused += n.Hub().Stats().Refused
	}
	return r
}

func (r *demoResult) print(w io.Writer) error {
	_, err := fmt.Fprintf(w, `
%d hubs, %d peers at %v Hz, each subscribed to %.0f %%
states sent          %12d   (%d late)
deliveries           %12d   of %d: %.3f %%
age p50, p99         %9.1f ms, %.1f ms
updates that crossed %12d   in %d batches, %.1f each
missing batches %d, dropped updates %d, overflow %d, slow %d, refused by queues %d
CPU %.1f s
deliveries lost      %12d
`, r.Hubs, r.Peers, r.RateHz, 100*r.Share, r.StatesSent, r.StatesLate, r.Deliveries, r.Expected, 100*r.Delivery, r.P50/1000, r.P99/1000,
		r.Crossed, r.Batches, r.PerBatch, r.Missing, r.Dropped, r.Overflow, r.Slow, r.Refused, r.CPUS, lost(r.Losses))
	if err == nil {
		err = printLosses(w, r.Losses)
	}
	return err
}

func (d *demo) close() {
	var wg sync.WaitGroup
	for _, c := range d.clients {
		if c != nil {
			wg.Go(func() { _ = c.Close() })
		}
	}
	wg.Wait()
	for _, n := range d.nodes {
		wg.Go(func() { _ = n.Close() })
	}
	wg.Wait()
}
