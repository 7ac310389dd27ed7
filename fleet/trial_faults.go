package main

import (
	"context"
	"fmt"
	"math"
	"path/filepath"
	"time"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/fleet/node"
	"github.com/intentra/intentra/hub"
	"github.com/intentra/intentra/internal/load"
)

// killHub kills a hub under load.
func (t *trial) killHub(ctx context.Context) error {
	if _, err := t.open(); err != nil {
		return err
	}
	if err := t.gather(ctx, t.anyHub); err != nil {
		return err
	}
	victim := t.hubs[0]
	t.say("SIGKILL to hub 0 with %d peers", t.Peers-t.crowd.moved(victim.Key))
	victim.kill()
	if err := t.refresh(ctx, "without it"); err != nil {
		return err
	}
	_, all, _ := t.crowd.gaps(everyPair)
	t.say("longest time without a state: %v", all.Round(time.Millisecond))
	return nil
}

// killNATS kills the NATS server for a while.
func (t *trial) killNATS(ctx context.Context) error {
	nats, err := t.open()
	if err != nil {
		return err
	}
	if err := t.gather(ctx, t.anyHub); err != nil {
		return err
	}
	_, before, _ := t.crowd.gaps(everyPair)
	t.say("longest time without a state before: %v", before.Round(time.Millisecond))
	t.crowd.forget()
	t.say("SIGKILL to the NATS server")
	nats.kill()
	if !sleep(ctx, t.Pause) {
		return context.Cause(ctx)
	}
	local, all, pairs := t.crowd.gaps(everyPair)
	t.say("after %v: longest time without a state %v for %d pairs at one hub, %v for all", t.Pause, local.Round(time.Millisecond), pairs, all.Round(time.Millisecond))
	if _, err := t.restart(nats); err != nil {
		return err
	}
	t.say("the NATS server is back")
	return t.refresh(ctx, "with it")
}

// stopHub stops a hub for a while, so that it misses everything and then goes on.
func (t *trial) stopHub(ctx context.Context) error {
	if _, err := t.open(); err != nil {
		return err
	}
	if err := t.gather(ctx, t.anyHub); err != nil {
		return err
	}
	victim := t.hubs[0]
	t.say("SIGSTOP to hub 0 with %d peers", t.Peers-t.crowd.moved(victim.Key))
	if err := suspend(victim.Process); err != nil {
		return err
	}
	if err := t.refresh(ctx, "without it"); err != nil {
		return err
	}
	if !sleep(ctx, t.Pause) {
		return context.Cause(ctx)
	}
	t.crowd.forget()
	if err := resume(victim.Process); err != nil {
		return err
	}
	t.say("SIGCONT")
	if err := t.refresh(ctx, "with it"); err != nil {
		return err
	}
	if !sleep(ctx, 3*time.Second) {
		return context.Cause(ctx)
	}
	_, all, _ := t.crowd.gaps(everyPair)
	t.say("longest time without a state since: %v", all.Round(time.Millisecond))
	return nil
}

// slowPeer blocks the event loop of one peer for a while.
func (t *trial) slowPeer(ctx context.Context) error {
	if _, err := t.open(); err != nil {
		return err
	}
	if err := t.gather(ctx, t.anyHub); err != nil {
		return err
	}
	// The handler of a topic that no other peer wants blocks the peer.
	pub, err := t.crowd.clients[1].Declare(ctx, hub.Topic{Name: "block"})
	if err != nil {
		return err
	}
	release := make(chan struct{})
	blocked := make(chan struct{}, 1)
	_, err = t.crowd.clients[0].Subscribe(ctx, hub.Subscription{Pattern: "*/block", Handler: func(hub.Update) {
		select {
		case blocked <- struct{}{}:
			<-release
		default:
		}
	}})
	if err != nil {
		return err
	}
	for len(blocked) == 0 {
		_ = pub.Send([]byte("x")) // until the subscription has reached its hub
		if !sleep(ctx, 50*time.Millisecond) {
			close(release)
			return context.Cause(ctx)
		}
	}
	t.say("the event loop of peer 0 is blocked")
	t.crowd.forget()
	if !sleep(ctx, t.Pause) {
		close(release)
		return context.Cause(ctx)
	}
	_, others, _ := t.crowd.gaps(func(subscriber, publisher int) bool { return subscriber != 0 && publisher != 0 })
	t.say("after %v: longest time without a state for other peers: %v", t.Pause, others.Round(time.Millisecond))
	close(release)
	return t.refresh(ctx, "released")
}

// move kills the hub at which all peers are.
func (t *trial) move(ctx context.Context) error {
	if _, err := t.open(); err != nil {
		return err
	}
	first := t.hubs[0]
	if err := t.gather(ctx, func(int) []hub.Address { return []hub.Address{first.Address} }); err != nil {
		return err
	}
	t.say("SIGKILL to hub 0 with %d peers", t.Peers-t.crowd.moved(first.Key))
	start := load.Now()
	first.kill()
	for _, share := range []float64{0.5, 0.99, 1} {
		for t.crowd.moved(first.Key) < int(math.Ceil(share*float64(t.Peers))) {
			if load.Now()-start > 2*freshLimit {
				t.explain(first.Key)
				return fmt.Errorf("trial: %d of %d peers have moved", t.crowd.moved(first.Key), t.Peers)
			}
			if !sleep(ctx, 10*time.Millisecond) {
				return context.Cause(ctx)
			}
		}
		t.say("%.0f %% of the peers are at other hubs after %v", 100*share, (load.Now() - start).Round(time.Millisecond))
	}
	return t.refresh(ctx, "at other hubs")
}

// explain prints why peers have not moved away from the hub with key k.
func (t *trial) explain(k intentra.PublicKey) {
	for i, client := range t.crowd.clients {
		if p := client.Peer(); p.Key() == k || !p.Connected() {
			t.say("peer %d is at hub %s, connected %v, moved %d times: %v", i, p.Key().String()[:8], p.Connected(), client.Moves(), p.Err())
		}
	}
}

// leaf runs two clusters of which one is a leaf node of the other.
func (t *trial) leaf(ctx context.Context) error {
	center, err := t.start(nil, "nats", "--name", "center", "--listen", "127.0.0.1:0", "--leafs", "127.0.0.1:0", "--store", filepath.Join(t.dir, "center"))
	if err != nil {
		return err
	}
	remote, err := t.start(nil, "nats", "--name", "site", "--listen", "127.0.0.1:0", "--remote", center.leafs)
	if err != nil {
		return err
	}
	for i := range t.Hubs {
		if err := t.startHub(nil, "127.0.0.1", "--nats", "nats://"+[]string{center.Addr, remote.Addr}[i%2]); err != nil {
			return err
		}
	}
	if err := t.gather(ctx, t.anyHub); err != nil {
		return err
	}
	for i, h := range t.hubs {
		if s, err := h.status(); err == nil {
			t.say("hub %d at %s: hears %d other hubs", i, []string{"center", "site"}[i%2], alive(&s)-1)
		}
	}
	t.say("SIGKILL to the server of the site")
	remote.kill()
	if !sleep(ctx, t.Pause) {
		return context.Cause(ctx)
	}
	local, all, pairs := t.crowd.gaps(everyPair)
	t.say("after %v: longest time without a state %v for %d pairs at one hub, %v for all", t.Pause, local.Round(time.Millisecond), pairs, all.Round(time.Millisecond))
	if _, err := t.restart(remote); err != nil {
		return err
	}
	return t.refresh(ctx, "with the site again")
}

// alive returns how many hubs a hub hears, itself included.
func alive(s *node.Status) (n int) {
	for _, h := range s.Hubs {
		if h.Alive {
			n++
		}
	}
	return n
}
