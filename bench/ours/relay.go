package ours

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/hub"
	"github.com/intentra/intentra/internal/load"
)

// joinsAtOnce is how many members connect at a time: few enough that none waits for too
// long for one of the 200 handshakes a second that a hub begins.
const joinsAtOnce = 64

// Relay is a hub and its members, each with a transport of its own.
type Relay struct {
	hub     *hub.Hub
	clients []*hub.Client
	topics  []*hub.Publication
}

// OpenRelay opens a hub and its members, which subscribe to each other. rate and size are
// those of a member's states.
func OpenRelay(ctx context.Context, members int, rate float64, size int, deliver func(to int, payload []byte)) (*Relay, error) {
	keys := make([]intentra.PrivateKey, members+1)
	var list strings.Builder
	for i := range keys {
		k, err := intentra.GenerateKey()
		if err != nil {
			return nil, err
		}
		keys[i] = k
		fmt.Fprintf(&list, "%s member-%d\n", k.Public(), i)
	}
	access, err := hub.ParseAccess(strings.NewReader(list.String()))
	if err != nil {
		return nil, err
	}
	cfg := hub.Config{Access: access, Transport: intentra.Config{Key: keys[members]}}
	cfg.Limits.Updates, cfg.Limits.Bytes = max(10_000, int(2*rate)), max(4<<20, int(2*rate)*size)
	h, err := hub.Listen("127.0.0.1:0", cfg)
	if err != nil {
		return nil, err
	}
	r := &Relay{hub: h, clients: make([]*hub.Client, members), topics: make([]*hub.Publication, members)}
	err = load.Parallel(ctx, members, joinsAtOnce, func(ctx context.Context, i int) error {
		return r.join(ctx, i, keys[i], func(u hub.Update) { deliver(i, u.Payload) })
	})
	if err != nil {
		return nil, errors.Join(err, r.Close())
	}
	for r.feeds() < members*(members-1) && load.Sleep(ctx, 50*time.Millisecond) {
	}
	return r, context.Cause(ctx)
}

func (r *Relay) join(ctx context.Context, i int, key intentra.PrivateKey, handle func(hub.Update)) error {
	t := r.hub.Transport()
	c, err := hub.Dial(ctx, t.LocalAddr().String(), t.PublicKey(), hub.ClientConfig{Transport: intentra.Config{Key: key}})
	if err != nil {
		return err
	}
	r.clients[i] = c
	if r.topics[i], err = c.Declare(ctx, hub.Topic{Name: "state", Intent: intentra.Realtime}); err != nil {
		return err
	}
	_, err = c.Subscribe(ctx, hub.Subscription{Pattern: "*/state", Handler: handle})
	return err
}

// feeds returns how many topics the members are subscribed to, all together.
func (r *Relay) feeds() (n int) {
	for _, t := range r.hub.Topics() {
		n += t.Subscribers
	}
	return n
}

// Send publishes a state of a member.
func (r *Relay) Send(i int, payload []byte) error { return r.topics[i].Send(payload) }

// Close closes the members and the hub.
func (r *Relay) Close() (err error) {
	for _, c := range r.clients {
		if c != nil {
			err = errors.Join(err, c.Close())
		}
	}
	return errors.Join(err, r.hub.Close())
}
