package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/console"
	"github.com/intentra/intentra/hub"
	"github.com/intentra/intentra/internal/histogram"
	"github.com/intentra/intentra/internal/load"
	"github.com/intentra/intentra/metrics"
	"github.com/intentra/intentra/stages"
)

// What we chose.
const (
	// showPeers is how many peers the page can add.
	showPeers = 200
	// showTick is the interval between two groups of states, and showBurst the most of them.
	showTick  = 2 * time.Millisecond
	showBurst = 4096
	// changePatience bounds how long one change of the number of peers may take.
	changePatience = 20 * time.Second
	// dialPause is the time before peers that could not connect are dialled again.
	dialPause = time.Second
	// restartAttempts bounds how often a hub that restarts tries to bind its address.
	restartAttempts = 50
	restartInterval = 100 * time.Millisecond
	// subscribedInterval is how often new peers look whether they get all states.
	subscribedInterval = 10 * time.Millisecond
	// showDrain bounds the wait for the last deliveries, which ends after showQuiet without
	// one, in addition to the delay of the relays.
	showDrain = 10 * time.Second
	showQuiet = 300 * time.Millisecond
)

// show is the demo with a page: a hub whose peers reach it through relays, with controls.
type show struct {
	*demoCmd
	page   *pageServer
	keys   []intentra.PrivateKey // the last one is the hub's
	access *hub.Access
	hub    atomic.Pointer[hub.Hub]
	peers  []atomic.Pointer[showPeer]
	events console.Events

	latency                          histogram.Histogram
	asked, sent, expected, delivered atomic.Uint64
	received                         stateCount
	relays                           conditions
	rate                             atomic.Uint64 // bits of a float64
	active, wanted                   atomic.Int64  // peers that publish, those with the lowest numbers
	attack                           atomic.Bool
	began                            time.Time

	changing sync.Mutex // held while peers are added or removed, or the hub restarts
	ctx      context.Context
	tasks    sync.WaitGroup
}

// showPeer is one peer's end of its connection.
type showPeer struct {
	number      int
	client      *hub.Client
	state, pose *hub.Publication
	route       *relay
	killed      atomic.Bool
}

// runShow runs the demo with a page.
func (c *demoCmd) runShow(e *environment, page *pageServer) error {
	ctx, stop := context.WithCancel(e.ctx)
	defer stop()
	if c.Duration > 0 {
		ctx, stop = context.WithTimeout(ctx, c.Duration)
		defer stop()
	}
	s := &show{demoCmd: c, page: page, ctx: ctx, began: time.Now(), peers: make([]atomic.Pointer[showPeer], max(c.Peers, showPeers))}
	s.rate.Store(math.Float64bits(c.Rate))
	s.wanted.Store(int64(c.Peers))
	if err := s.begin(); err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	defer s.close()
	fmt.Fprintf(e.stderr, "page %s\n", page.url("http"))
	s.later(s.adjust)
	s.tasks.Go(func() { s.flood(ctx) })
	s.tasks.Go(func() { s.publish(ctx) })
	live, _ := e.live(c.JSON)
	first, err := s.sample()
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	table := newShowTable(live, first)
	for load.Sleep(ctx, time.Second) {
		now, err := s.sample()
		if err != nil {
			return fmt.Errorf("demo: %w", err)
		}
		if table.add(now) != nil {
			stop() // the output is broken; printing the result fails as well
		}
	}
	s.tasks.Wait()
	ended := time.Now()
	s.drain()
	last, err := s.sample()
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	last.at = ended
	return c.print(e.stdout, s.result(first, last))
}

// begin makes the keys and starts the hub.
func (s *show) begin() (err error) {
	var list strings.Builder
	for i := range len(s.peers) + 1 {
		k, err := intentra.GenerateKey()
		if err != nil {
			return err
		}
		s.keys = append(s.keys, k)
		fmt.Fprintf(&list, "%s peer-%03d\n", k.Public(), i+1)
	}
	if s.access, err = hub.ParseAccess(strings.NewReader(list.String())); err != nil {
		return err
	}
	return s.listen("127.0.0.1:0")
}

// listen starts a hub and shows it on the page.
func (s *show) listen(addr string) error {
	cfg := hub.Config{Access: s.access, Transport: hubTransport(s.keys[len(s.keys)-1]), OnPeer: s.events.PeerEvent}
	cfg.Limits.Updates = max(10_000, int(2*s.Rate))
	cfg.Limits.Bytes = max(4<<20, int(2*s.Rate)*s.Size)
	cfg.Transport.Stages = func(set *stages.Set) error {
		set.InsertAfter("ack", newHallFence())
		return nil
	}
	h, err := hub.Listen(addr, cfg)
	if err != nil {
		return err
	}
	if limit := h.Transport().MaxMessageSize(); s.Size > limit {
		return errors.Join(usagef("--size is %d; a message has at most %d bytes", s.Size, limit), h.Close())
	}
	s.hub.Store(h)
	bounds := console.AgeBounds()
	ages := func() []uint64 { return s.latency.Snapshot().Within(bounds) }
	return s.page.show(console.Config{
		Hub: h, Name: "demo", Events: &s.events, Controls: s, Ages: ages,
	}, h.Transport(), metrics.NewHubCollector(h), metrics.NewAgeCollector(bounds, ages))
}

// dial connects peer i.
func (s *show) dial(ctx context.Context, i int) (err error) {
	p := &showPeer{number: i}
	t := s.hub.Load().Transport()
	if p.route, err = openRelay(t.LocalAddr(), &s.relays); err != nil {
		return err
	}
	cfg := hub.ClientConfig{Transport: intentra.Config{Key: s.keys[i]}}
	if p.client, err = hub.Dial(ctx, p.route.addr().String(), t.PublicKey(), cfg); err != nil {
		p.route.close()
		return err
	}
	defer func() {
		if err == nil {
			s.peers[i].Store(p)
		} else {
			p.close()
		}
	}()
	if p.state, err = p.client.Declare(ctx, hub.Topic{Name: "state", Intent: intentra.Realtime, Encoding: "intentra-demo"}); err != nil {
		return err
	}
	if _, err = p.client.Subscribe(ctx, hub.Subscription{Pattern: "*/state", Handler: func(u hub.Update) { s.receive(i, u) }}); err != nil {
		return err
	}
	p.pose, err = p.client.Declare(ctx, hub.Topic{Name: "pose", Intent: intentra.Latest, Encoding: "intentra-demo-pose", Layout: poseLayout(), Stamp: true})
	if err != nil || i%poseReaders != 0 {
		return err
	}
	_, err = p.client.Subscribe(ctx, hub.Subscription{Pattern: "*/pose", MaxRate: posesRead, Cached: true, Handler: func(hub.Update) {}})
	return err
}

// close ends the connection.
func (p *showPeer) close() {
	_ = p.client.Close() // it ends either way
	p.route.close()
}

// receive counts a state that has arrived at peer i. The stamp says how many peers published
// when the state was sent. A peer that has been added since may receive it as well, but
// is not in the number of expected deliveries.
func (s *show) receive(i int, u hub.Update) {
	if stamp, ok := load.ReadStamp(u.Payload); ok && i < int(stamp.ID) {
		s.latency.Record(load.Now() - stamp.At)
		s.delivered.Add(1)
	}
}

// publish sends states and poses until ctx ends, at the rate and for the peers that the
// controls say.
func (s *show) publish(ctx context.Context) {
	last, posed, due, turn := load.Now(), time.Duration(0), 0.0, 0
	state, pose := make([]byte, s.Size), make([]byte, 0, poseSize)
	for load.Sleep(ctx, showTick) {
		now, n := load.Now(), int(s.active.Load())
		due += (now - last).Seconds() * math.Float64frombits(s.rate.Load()) * float64(n)
		last = now
		for due = min(due, showBurst); due >= 1 && n > 0; due-- {
			turn = (turn + 1) % n
			s.asked.Add(1)
			p := s.peers[turn].Load()
			if p == nil || p.killed.Load() {
				continue
			}
			load.Stamp{At: load.Now(), ID: uint32(n)}.Put(state)
			s.send(p.state, state, n-1)
		}
		if now-posed < poseInterval {
			continue
		}
		posed = now
		for i := range n {
			if p := s.peers[i].Load(); p != nil && p.pose != nil {
				pose = appendPose(pose[:0], i, n, time.Since(s.began))
				_ = p.pose.Send(pose) // not connected: the next one follows
			}
		}
	}
}

// send sends a state to others, and counts it if it leaves: without a subscriber, as after
// a restart of the hub, nothing is sent.
func (s *show) send(p *hub.Publication, state []byte, others int) {
	unwanted := p.Unwanted()
	if p.Send(state) == nil && p.Unwanted() == unwanted {
		s.sent.Add(1)
		s.expected.Add(uint64(others))
	}
}

// drain waits until every state that was sent has arrived, or nothing arrives any more. An
// interrupt does not end it.
func (s *show) drain() {
	quiet := showQuiet + 2*time.Duration(s.relays.delay.Load())
	_ = load.Drain(context.Background(), s.expected.Load(), quiet, showDrain, func() (uint64, error) { return s.delivered.Load(), nil })
}

// close closes all transports, the hub's last.
func (s *show) close() {
	var wg sync.WaitGroup
	for i := range s.peers {
		if p := s.peers[i].Load(); p != nil {
			wg.Go(func() {
				_ = p.client.Close()
				p.route.close()
			})
		}
	}
	wg.Wait()
	_ = s.hub.Load().Close()
}
