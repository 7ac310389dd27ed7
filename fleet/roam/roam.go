// Package roam is a peer's connection to a fleet: a [hub.Client] that moves to another hub
// by itself when its own dies, cannot be reached, or asks it to leave.
package roam

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"sync"
	"time"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/fleet/place"
	"github.com/intentra/intentra/hub"
)

// What we chose. A hub counts as dead after idleTimeout without a packet.
const (
	idleTimeout = 2 * time.Second
	keepAlive   = 500 * time.Millisecond
	unanswered  = 500 * time.Millisecond
	dialTimeout = time.Second            // of a silent hub; one that is busy may take four times as long
	jitter      = 200 * time.Millisecond // before a move, so that the peers of a hub do not move at once
	parting     = 100 * time.Millisecond // before leaving a hub that asks for it, so that other hubs have what it has delivered
	checkAgain  = time.Second
	pause       = 250 * time.Millisecond // before all hubs are tried again
)

// Client is a [hub.Client] that moves between the hubs of a fleet.
type Client struct {
	*hub.Client

	moving sync.Mutex // held during a move

	mu    sync.Mutex
	hubs  []hub.Address // best first
	moves int

	wake   chan struct{}
	cancel context.CancelFunc
	done   sync.WaitGroup
	leave  bool
}

// Dial connects a peer to a fleet. hubs are some of its hubs; the client learns of the
// others. They are tried in the order of [place.Rank] for the peer's key, so that peers
// spread over them; while one of them is too busy to answer, they are tried again.
// Defaults of cfg.Transport differ: IdleTimeout 2 s, KeepAlive and Unanswered 500 ms,
// HandshakeTimeout 1 s. OnHubs and OnConnection may be set. The error is that of the
// last hub, or the cause of ctx.
func Dial(ctx context.Context, hubs []hub.Address, cfg hub.ClientConfig) (*Client, error) {
	if ctx == nil || len(hubs) == 0 {
		return nil, errors.New("roam: Dial needs a context and at least one hub; one of them is nil")
	}
	t := &cfg.Transport
	for _, d := range []struct {
		field *time.Duration
		value time.Duration
	}{{&t.IdleTimeout, idleTimeout}, {&t.KeepAlive, keepAlive}, {&t.Unanswered, unanswered}, {&t.HandshakeTimeout, dialTimeout}} {
		if *d.field == 0 {
			*d.field = d.value
		}
	}
	c := &Client{wake: make(chan struct{}, 1), hubs: rank(hubs, t.Key.Public())}
	onHubs, onConnection := cfg.OnHubs, cfg.OnConnection
	cfg.OnHubs = func(list []hub.Address, leave bool) {
		c.learn(list, leave)
		if onHubs != nil {
			onHubs(list, leave)
		}
	}
	cfg.OnConnection = func(ev intentra.PeerEvent) {
		c.signal()
		if onConnection != nil {
			onConnection(ev)
		}
	}
	if err := c.dial(ctx, cfg); err != nil {
		return nil, err
	}
	following, cancel := context.WithCancel(context.Background())
	c.cancel = cancel
	c.done.Go(func() { c.follow(following) })
	return c, nil
}

// dial tries the hubs in turn, again as long as one of them is too busy to answer.
func (c *Client) dial(ctx context.Context, cfg hub.ClientConfig) (err error) {
	for busy := true; busy; {
		busy = false
		for _, h := range c.hubs {
			if c.Client, err = hub.Dial(ctx, h.Addr, h.Key, cfg); err == nil {
				return nil
			}
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			busy = busy || errors.Is(err, intentra.ErrBusy)
		}
	}
	return err
}

// rank sorts hubs for a peer.
func rank(hubs []hub.Address, k intentra.PublicKey) []hub.Address {
	byKey := make(map[intentra.PublicKey]hub.Address)
	var keys []intentra.PublicKey
	for _, h := range hubs {
		if _, twice := byKey[h.Key]; !twice {
			keys = append(keys, h.Key)
		}
		byKey[h.Key] = h
	}
	place.Rank(keys, k)
	list := make([]hub.Address, 0, len(keys))
	for _, k := range keys {
		list = append(list, byKey[k])
	}
	return list
}

func (c *Client) learn(list []hub.Address, leave bool) {
	if len(list) == 0 {
		return // the hub knows no other; keep the list
	}
	c.mu.Lock()
	c.hubs, c.leave = list, leave
	c.mu.Unlock()
	c.signal()
}

func (c *Client) signal() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// Moves returns how often the client has moved.
func (c *Client) Moves() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.moves
}

// Close closes the connection at once.
func (c *Client) Close() error {
	c.cancel()
	c.done.Wait()
	return c.Client.Close()
}

// state returns whether to move, and where to. A peer that has ended for good, because its key
// was revoked or has connected elsewhere, does not move.
func (c *Client) state() (move bool, hubs []hub.Address) {
	p := c.Peer()
	c.mu.Lock()
	defer c.mu.Unlock()
	return p.Err() == nil && (c.leave || !p.Connected()), c.hubs
}

// follow moves the client when it must.
func (c *Client) follow(ctx context.Context) {
	tick := time.NewTicker(checkAgain)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.wake:
		case <-tick.C:
		}
		wait, away := parting+rand.N(jitter), false
		for {
			if move, _ := c.state(); !move && !away || !sleep(ctx, wait) {
				break
			}
			if c.again(ctx, away) {
				break
			}
			// A hub that the client could not reach may have taken it for connected, and the
			// present one has then ended its session. No other process has this key.
			away = c.Peer().Err() != nil
			wait = pause
		}
	}
}

// again tries to move, unless the client need not any more. It reports whether that is so, or the
// result of move.
func (c *Client) again(ctx context.Context, away bool) bool {
	c.moving.Lock()
	defer c.moving.Unlock()
	move, hubs := c.state()
	return !move && !away || c.move(ctx, hubs)
}

// Move is [hub.Client.Move]. It waits while the client moves by itself, and for ctx only while
// it moves then.
func (c *Client) Move(ctx context.Context, to hub.Address) error {
	c.moving.Lock()
	defer c.moving.Unlock()
	there := c.Peer().Key() == to.Key
	err := c.Client.Move(ctx, to)
	if err == nil && !there {
		c.moved()
	}
	return err
}

// moved notes a move.
func (c *Client) moved() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.moves++
	c.leave = false
}

// move tries the hubs in turn, except for the present one. It reports whether the client is
// connected, or has been closed.
func (c *Client) move(ctx context.Context, hubs []hub.Address) bool {
	present := c.Peer()
	for _, h := range hubs {
		if present.Key() == h.Key {
			continue
		}
		err := c.Client.Move(ctx, h)
		if err == nil {
			c.moved()
			return true
		}
		if move, _ := c.state(); !move && present.Err() == nil || err == net.ErrClosed || ctx.Err() != nil {
			return true // the present hub is back
		}
	}
	return false
}

func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
