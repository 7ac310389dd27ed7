// Package fairness measures what a hub delivers of honest publishers while others flood
// it, with real sockets on the loopback interface.
package fairness

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/hub"
	"github.com/intentra/intentra/internal/load"
)

// What we chose.
const (
	honest     = 4 // publishers
	honestRate = 200
	floods     = 2
	drain      = time.Second
	settle     = 500 * time.Millisecond
)

// Publisher says what became of the updates of one publisher.
type Publisher struct {
	Name            string `json:"name"`
	Sent, Delivered uint64
	Dropped         uint64  // by the hub, because of a limit
	Superseded      uint64  // by newer ones of their topic, before they left the publisher
	Delivery        float64 // share of Sent
}

// Result is one measurement.
type Result struct {
	Floods       string      `json:"floods"`
	Publishers   []Publisher `json:"publishers"`
	Disconnected int         `json:"disconnected"` // publishers, at the end
	Slow         uint64      `json:"slow"`         // subscriptions that ended
	Superseded   uint64      `json:"superseded"`   // updates, by newer ones of their topic, at the hub
}

// flood is what a flooding publisher sends: the size of its updates in bytes, and their
// number per second.
type flood struct{ size, rate int }

// States measures honest publishers of an intent while one publisher sends 400 empty updates
// in each of 9,500 packets per second, and another 9,500 updates of 1,180 bytes, as
// far as their transports let them.
func States(ctx context.Context, intent intentra.Intent, d time.Duration) (*Result, error) {
	return measure(ctx, intent, d, [floods]flood{{0, 400 * 9500}, {1180, 9500}})
}

// Reliable measures honest publishers of Reliable updates while two publishers send Reliable
// updates of one byte, 40,000 per second each.
func Reliable(ctx context.Context, d time.Duration) (*Result, error) {
	return measure(ctx, intentra.Reliable, d, [floods]flood{{1, 40_000}, {1, 40_000}})
}

func measure(ctx context.Context, intent intentra.Intent, d time.Duration, f [floods]flood) (r *Result, err error) {
	const all = honest + floods
	var keys [all + 2]intentra.PrivateKey
	var list strings.Builder
	for i := range keys {
		if keys[i], err = intentra.GenerateKey(); err != nil {
			return nil, err
		}
		fmt.Fprintf(&list, "%s peer-%d\n", keys[i].Public(), i)
	}
	access, err := hub.ParseAccess(strings.NewReader(list.String()))
	if err != nil {
		return nil, err
	}
	h, err := hub.Listen("127.0.0.1:0", hub.Config{Access: access, Transport: intentra.Config{Key: keys[all+1]}})
	if err != nil {
		return nil, err
	}
	defer func() { _ = h.Close() }()
	dial := func(i int) (*hub.Client, error) {
		t := h.Transport()
		return hub.Dial(ctx, t.LocalAddr().String(), t.PublicKey(), hub.ClientConfig{Transport: intentra.Config{Key: keys[i]}})
	}
	viewer, err := dial(all)
	if err != nil {
		return nil, err
	}
	defer func() { _ = viewer.Close() }()
	var sent, delivered [all]atomic.Uint64
	number := map[intentra.PublicKey]int{}
	for i := range all {
		number[keys[i].Public()] = i
	}
	count := func(u hub.Update) { delivered[number[u.Publisher.Key]].Add(1) }
	if _, err := viewer.Subscribe(ctx, hub.Subscription{Pattern: "**", Handler: count}); err != nil {
		return nil, err
	}
	var topics [all]*hub.Publication
	var clients [all]*hub.Client
	for i := range all {
		c, err := dial(i)
		if err != nil {
			return nil, err
		}
		clients[i] = c
		defer func() { _ = c.Close() }()
		if topics[i], err = c.Declare(ctx, hub.Topic{Name: "state", Intent: intent}); err != nil {
			return nil, err
		}
	}
	load.Sleep(ctx, settle)
	var senders sync.WaitGroup
	for i := range all {
		what := flood{100, honestRate}
		if i >= honest {
			what = f[i-honest]
		}
		senders.Go(func() { publish(ctx, topics[i], what, d, &sent[i]) })
	}
	senders.Wait()
	load.Sleep(ctx, drain)
	r = &Result{Floods: fmt.Sprintf("%v", intent), Slow: h.Stats().Slow, Superseded: h.Transport().Stats().Superseded}
	for i := range all {
		s, _ := h.Publisher(keys[i].Public())
		p := Publisher{Name: "honest", Sent: sent[i].Load(), Delivered: delivered[i].Load()}
		if i >= honest {
			p.Name = fmt.Sprintf("flood of %d B", f[i-honest].size)
		}
		p.Superseded = clients[i].Peer().Stats().Superseded
		for _, n := range s.Drops {
			p.Dropped += n
		}
		p.Delivery = load.Ratio(float64(p.Delivered), float64(p.Sent))
		if !s.Connected {
			r.Disconnected++
		}
		r.Publishers = append(r.Publishers, p)
	}
	return r, context.Cause(ctx)
}

// publish sends updates at a rate. Those that have no room are not sent, and not counted.
func publish(ctx context.Context, p *hub.Publication, what flood, d time.Duration, sent *atomic.Uint64) {
	pacer := load.NewPacer(load.Now(), float64(what.rate), d)
	payload := make([]byte, what.size)
	for n := range pacer.Bursts(ctx) {
		for range n {
			if err := p.Send(payload); err == nil {
				sent.Add(1)
			} else if !errors.Is(err, intentra.ErrQueueFull) {
				return
			}
		}
	}
}

// Print prints the result as a table.
func (r *Result) Print(w io.Writer) {
	fmt.Fprintf(w, "%s: %d publishers disconnected, %d subscriptions ended, %d updates superseded at the hub\n", r.Floods, r.Disconnected, r.Slow, r.Superseded)
	fmt.Fprintf(w, "  %-18s %10s %10s %10s %10s %9s\n", "publisher", "sent", "superseded", "dropped", "delivered", "delivery")
	for _, p := range r.Publishers {
		fmt.Fprintf(w, "  %-18s %10d %10d %10d %10d %8.2f%%\n", p.Name, p.Sent, p.Superseded, p.Dropped, p.Delivered, 100*p.Delivery)
	}
}
