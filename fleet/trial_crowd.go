package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/fleet/roam"
	"github.com/intentra/intentra/hub"
	"github.com/intentra/intentra/internal/load"
)

// crowd is the peers of a trial. Each publishes a Latest and a Reliable topic and subscribes
// to those of its following peers.
type crowd struct {
	clients []*roam.Client
	states  []*hub.Publication
	orders  []*hub.Publication
	wants   int // how many peers each subscribes to

	mu     sync.Mutex
	now    func() time.Duration
	sent   []uint64      // states, by publisher
	unsent atomic.Uint64 // Reliable updates for which Send has returned an error
	pairs  []pair        // wants of each subscriber
	counts orderCounts
	// oddities are updates whose cause is not yet known, oldest first: those of a second.
	oddities []oddity
	came     uint64 // states that were delivered
	ages     ages

	links []link // of each peer to its hub

	watching context.CancelFunc
	watched  sync.WaitGroup

	stop context.CancelFunc
	done sync.WaitGroup
}

// pair is what a subscriber has received of one publisher.
type pair struct {
	state  uint64 // the newest
	at     time.Duration
	gap    time.Duration // the longest time between two states since forget
	back   uint64        // states that were older than one before
	orders orders
}

const (
	dialAttempts = 10
	orderMark    = 1  // begins the payload of a Reliable update
	orderEach    = 10 // states for each Reliable update
)

// newCrowd connects peers; hubs returns the hubs that a peer is given.
func newCrowd(ctx context.Context, peers, wants int, hubs func(i int) []hub.Address) (*crowd, error) {
	c := &crowd{
		clients: make([]*roam.Client, peers), states: make([]*hub.Publication, peers), orders: make([]*hub.Publication, peers),
		wants: wants, now: load.Now, sent: make([]uint64, peers), pairs: make([]pair, peers*wants), links: make([]link, peers),
	}
	err := load.Parallel(ctx, peers, dialsAtOnce, func(ctx context.Context, i int) error {
		key, err := intentra.GenerateKey()
		if err != nil {
			return err
		}
		for attempt := 1; c.clients[i] == nil; attempt++ {
			c.clients[i], err = roam.Dial(ctx, hubs(i), hub.ClientConfig{Transport: intentra.Config{Key: key}, OnConnection: c.links[i].changed})
			if err != nil && (attempt == dialAttempts || ctx.Err() != nil) {
				return fmt.Errorf("trial: peer %d: %w", i, err)
			}
		}
		if c.states[i], err = c.clients[i].Declare(ctx, hub.Topic{Name: "state", Stamp: true}); err != nil {
			return err
		}
		c.orders[i], err = c.clients[i].Declare(ctx, hub.Topic{Name: "order", Intent: intentra.Reliable})
		return err
	})
	if err == nil {
		err = load.Parallel(ctx, peers, dialsAtOnce, c.subscribe)
	}
	watching, cancel := context.WithCancel(context.Background())
	c.watching = cancel
	c.watched.Go(func() {
		for load.Sleep(watching, watchEach) {
			c.watch()
		}
	})
	if err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

func (c *crowd) subscribe(ctx context.Context, i int) error {
	for j := range c.wants {
		pair := i*c.wants + j
		from := c.clients[(i+1+j)%len(c.clients)]
		key := from.Config().Key.Public()
		for _, topic := range []string{"state", "order"} {
			_, err := c.clients[i].Subscribe(ctx, hub.Subscription{
				Pattern: hub.AllowAny().Name(key) + "/" + topic, Cached: topic == "state", Handler: func(u hub.Update) { c.receive(pair, u) },
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *crowd) receive(pair int, u hub.Update) {
	p, now, payload := &c.pairs[pair], c.now(), u.Payload
	n := binary.BigEndian.Uint64(payload[1:])
	c.mu.Lock()
	defer c.mu.Unlock()
	if payload[0] == orderMark {
		c.order(pair, now, n, binary.BigEndian.Uint32(payload[9:]))
		return
	}
	if n < p.state {
		p.back++
		return
	}
	c.came++
	c.ages.add(&u, now-time.Duration(binary.BigEndian.Uint64(payload[9:])))
	if p.at > 0 {
		p.gap = max(p.gap, now-p.at)
	}
	p.state, p.at = n, now
}

// publish publishes until close: states at rate Hz, and a Reliable update with each tenth.
func (c *crowd) publish(rate float64) {
	ctx, cancel := context.WithCancel(context.Background())
	c.stop = cancel
	c.done.Go(func() {
		p := &load.Pacer{Start: load.Now(), Rate: rate * float64(len(c.clients))}
		for n := uint64(0); ; n++ {
			if _, ok := p.Wait(ctx); !ok {
				return
			}
			i := int(n % uint64(len(c.clients)))
			c.mu.Lock()
			c.sent[i]++
			number := c.sent[i]
			c.mu.Unlock()
			state := binary.BigEndian.AppendUint64([]byte{0}, number)
			_ = c.states[i].Send(binary.BigEndian.AppendUint64(state, uint64(c.now()))) // a Latest value waits for the connection
			if number%orderEach > 0 {
				continue
			}
			order := binary.BigEndian.AppendUint64([]byte{orderMark}, number/orderEach)
			if c.orders[i].Send(binary.BigEndian.AppendUint32(order, c.links[i].hubs.Load())) != nil {
				c.unsent.Add(1)
			}
		}
	})
}

// fresh waits until every subscriber has a state of each of its publishers that was sent after
// now, and returns how long that takes.
func (c *crowd) fresh(ctx context.Context, limit time.Duration) (time.Duration, error) {
	c.mu.Lock()
	since := append([]uint64(nil), c.sent...)
	c.mu.Unlock()
	start := load.Now()
	for {
		stale := c.stale(since)
		switch {
		case stale == 0:
			return load.Now() - start, nil
		case load.Now()-start > limit:
			return 0, fmt.Errorf("trial: %d of %d states are not fresh after %v", stale, len(c.pairs), limit)
		case !load.Sleep(ctx, 10*time.Millisecond):
			return 0, context.Cause(ctx)
		}
	}
}

func (c *crowd) stale(since []uint64) (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range c.pairs {
		if c.pairs[i].state <= since[c.publisher(i)] {
			n++
		}
	}
	return n
}

// publisher returns the publisher of a pair.
func (c *crowd) publisher(pair int) int {
	return (pair/c.wants + 1 + pair%c.wants) % len(c.clients)
}

// forget begins the measurement of gaps again.
func (c *crowd) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range c.pairs {
		c.pairs[i].gap, c.pairs[i].at = 0, c.now()
	}
}

// missed returns how many Reliable updates hubs have counted as lost, for each of their peers. It
// means something if each peer subscribes to all others and no peer has moved.
func (c *crowd) missed(lost map[intentra.PublicKey]uint64) (n uint64) {
	for _, client := range c.clients {
		n += lost[client.Peer().Key()]
	}
	return n
}

// gaps returns the longest time without a state, of pairs at one hub and of all, and how many
// pairs are at one hub. A gap that has not ended counts.
func (c *crowd) gaps(count func(subscriber, publisher int) bool) (local, all time.Duration, pairs int) {
	at := make([]intentra.PublicKey, len(c.clients))
	for i, client := range c.clients {
		at[i] = client.Peer().Key()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range c.pairs {
		subscriber, publisher := i/c.wants, c.publisher(i)
		if !count(subscriber, publisher) {
			continue
		}
		gap := max(c.pairs[i].gap, c.now()-c.pairs[i].at)
		all = max(all, gap)
		if at[subscriber] == at[publisher] {
			pairs++
			local = max(local, gap)
		}
	}
	return local, all, pairs
}

func everyPair(int, int) bool { return true }

// totals returns how many states went back, and the counts of Reliable updates.
func (c *crowd) totals() (back uint64, counts orderCounts) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range c.pairs {
		back += c.pairs[i].back
	}
	c.judge(c.now() + 2*sessionAfter) // all
	return back, c.counts
}

// abandoned returns how many messages the transports of the peers have given up.
func (c *crowd) abandoned() (n uint64) {
	for _, client := range c.clients {
		for _, d := range client.Peer().Transport().Stats().SendDrops {
			n += d.Count
		}
	}
	return n
}

// moved returns how many peers are not at the hub with key k.
func (c *crowd) moved(k intentra.PublicKey) (n int) {
	for _, client := range c.clients {
		if p := client.Peer(); p.Key() != k && p.Connected() {
			n++
		}
	}
	return n
}

// delivered returns how many states were delivered.
func (c *crowd) delivered() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.came
}

// aged returns how true the ages of states were.
func (c *crowd) aged() ages {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ages
}

// pause ends publish, which may be called again.
func (c *crowd) pause() {
	if c.stop != nil {
		c.stop()
	}
	c.done.Wait()
}

func (c *crowd) close() {
	c.pause()
	c.watching()
	c.watched.Wait()
	var wg sync.WaitGroup
	for _, client := range c.clients {
		if client != nil {
			wg.Go(func() { _ = client.Close() })
		}
	}
	wg.Wait()
}
