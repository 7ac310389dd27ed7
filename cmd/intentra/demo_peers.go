package main

import (
	"context"
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

// dialsAtOnce is how many peers connect at a time: enough for the 200
// handshakes a second that a hub begins by default, and few enough that no dial
// times out after 5 s while it waits for its turn.
const dialsAtOnce = 64

// demo is a hub and its peers.
type demo struct {
	*demoCmd
	keys  []intentra.PrivateKey
	hub   *hub.Hub
	peers []*demoPeer
	mesh  *load.Mesh
}

// demoPeer is one peer's end of its connection.
type demoPeer struct {
	client *hub.Client
	topic  *hub.Publication
}

// startDemo starts the hub.
func startDemo(c *demoCmd) (*demo, error) {
	d := &demo{demoCmd: c, peers: make([]*demoPeer, c.Peers)}
	d.mesh = load.NewMesh(c.Peers, c.Rate, c.Size, c.Duration, func(i int, payload []byte) error { return d.peers[i].topic.Send(payload) })
	var list strings.Builder
	for i := range c.Peers + 1 {
		k, err := intentra.GenerateKey()
		if err != nil {
			return nil, err
		}
		d.keys = append(d.keys, k)
		fmt.Fprintf(&list, "%s peer-%d\n", k.Public(), i+1)
	}
	access, err := hub.ParseAccess(strings.NewReader(list.String()))
	if err != nil {
		return nil, err
	}
	cfg := hub.Config{Access: access, Transport: hubTransport(d.keys[c.Peers])}
	// The demo offers what the flags say, and measures what becomes of it.
	cfg.Limits.Updates = max(10_000, int(2*c.Rate))
	cfg.Limits.Bytes = max(4<<20, int(2*c.Rate)*c.Size)
	d.hub, err = hub.Listen("127.0.0.1:0", cfg)
	return d, err
}

// connect connects all peers, with each other through the hub, and reports progress to
// w. It returns nil when all are, and when ctx has ended.
func (d *demo) connect(ctx context.Context, w io.Writer, terminal bool) error {
	var connected atomic.Int64
	finished := make(chan error, 1)
	go func() {
		finished <- load.Parallel(ctx, len(d.peers), dialsAtOnce, func(ctx context.Context, i int) error {
			if err := d.dial(ctx, i); err != nil {
				return fmt.Errorf("peer %d of %d: %w", i+1, d.Peers, err)
			}
			connected.Add(1)
			return nil
		})
	}()
	show := func(end string) { fmt.Fprintf(w, "connecting %d/%d%s", connected.Load(), d.Peers, end) }
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if terminal {
				show("\r")
			}
		case err := <-finished:
			show("\n")
			if ctx.Err() != nil {
				return nil
			}
			if err == nil {
				d.subscribe(ctx, w, terminal)
			}
			return err
		}
	}
}

// dial connects peer i.
func (d *demo) dial(ctx context.Context, i int) (err error) {
	p := new(demoPeer)
	t := d.hub.Transport()
	cfg := hub.ClientConfig{Transport: intentra.Config{Key: d.keys[i]}}
	if p.client, err = hub.Dial(ctx, t.LocalAddr().String(), t.PublicKey(), cfg); err != nil {
		return err
	}
	d.peers[i] = p
	if p.topic, err = p.client.Declare(ctx, hub.Topic{Name: "state", Intent: intentra.Realtime, Encoding: "intentra-demo"}); err != nil {
		return err
	}
	_, err = p.client.Subscribe(ctx, hub.Subscription{Pattern: "*/state", Handler: func(u hub.Update) { d.mesh.Receive(i, u.Payload) }})
	return err
}

// feeds returns how many topics the peers are subscribed to, all together.
func (d *demo) feeds() (n int) {
	for _, t := range d.hub.Topics() {
		n += t.Subscribers
	}
	return n
}

// subscribe waits until every peer gets the topics of all others, or ctx ends.
func (d *demo) subscribe(ctx context.Context, w io.Writer, terminal bool) {
	all := d.Peers * (d.Peers - 1)
	for n := d.feeds(); n < all && load.Sleep(ctx, 100*time.Millisecond); n = d.feeds() {
		if terminal {
			fmt.Fprintf(w, "subscribing %d/%d\r", n, all)
		}
	}
	fmt.Fprintf(w, "subscribing %d/%d\n", d.feeds(), all)
}

// close closes all transports at the same time, the hub's last.
func (d *demo) close() {
	var wg sync.WaitGroup
	for _, p := range d.peers {
		if p != nil {
			wg.Go(func() { _ = p.client.Close() })
		}
	}
	wg.Wait()
	if d.hub != nil {
		_ = d.hub.Close()
	}
}
