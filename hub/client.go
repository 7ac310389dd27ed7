package hub

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/intentra/intentra"
)

// Errors of a client.
var (
	// ErrNotConnected is returned when an update cannot wait for the connection.
	ErrNotConnected = intentra.ErrNotConnected
	// ErrSlow is the error of a subscription that has ended because its reader, or this
	// process, did not keep up with Reliable updates; see [MissedError].
	ErrSlow = errors.New("hub: the subscriber did not keep up")
	// ErrRefused is returned when the hub has refused a request; see [RequestError].
	ErrRefused = errors.New("hub: refused")
)

// RequestError is the error of a request that the hub has refused. It is an
// [ErrRefused].
type RequestError struct {
	// Code says why: "malformed", "not_allowed", "limit" or "conflict".
	Code string
	Text string
}

// Error returns the text of the hub.
func (e *RequestError) Error() string { return fmt.Sprintf("hub: refused (%s): %s", e.Code, e.Text) }

// Unwrap returns ErrRefused.
func (e *RequestError) Unwrap() error { return ErrRefused }

// MissedError is an [ErrSlow] that says how many updates were missed.
type MissedError struct {
	// Missed is the number of Reliable updates that were missed, as far as it is known:
	// after the subscription had ended, none are counted.
	Missed uint64
}

// Error says how many updates were missed.
func (e *MissedError) Error() string { return fmt.Sprintf("%v: %d updates missed", ErrSlow, e.Missed) }

// Unwrap returns ErrSlow.
func (e *MissedError) Unwrap() error { return ErrSlow }

// ClientConfig configures a [Client].
type ClientConfig struct {
	// Transport configures the client's transport. Key is required; Handler and OnPeer
	// belong to the client and must be nil.
	Transport intentra.Config
	// OnPresence, if set, is called for each peer of the hub when the client has
	// connected, and when a peer has connected, restarted or disconnected. It is called
	// on the transport's event loop, and must not block.
	OnPresence func(Publisher)
	// OnConnection, if set, is called when the connection to the hub has begun or ended,
	// on the event loop like OnPresence. A hub that was killed is noticed once its
	// silence has lasted for KeepAlive and Unanswered and a new handshake has failed for
	// HandshakeTimeout: 8 s with the defaults of [intentra.Config].
	OnConnection func(intentra.PeerEvent)
	// OnDemand, if set, is called when the hub says whether a topic of this client has
	// subscribers: after each declaration, also when the client has reconnected, and
	// whenever that changes, for example because the only subscriber has restarted. It is
	// called on the event loop like OnPresence, may be called before Declare has
	// returned p, and may call the methods of p that do not wait. See [Publication.Wanted].
	OnDemand func(p *Publication, wanted bool)
	// OnHubs, if set, is called with the hubs that the client may move to, best first,
	// when the hub has sent them. With leave, the hub asks the client to move now. It is
	// called on the event loop like OnPresence; see [Client.Move].
	OnHubs func(hubs []Address, leave bool)
	// Outcomes has the client learn what becomes of each Reliable update, for
	// [Publication.Outcomes] and [Client.Flush]. Each of them then takes more memory until
	// its outcome is known.
	Outcomes bool
	// Clock is the clock of a simulation. The zero Clock is the system's.
	Clock Clock
}

// Client is a connection to a hub, through which a program publishes topics and
// subscribes to those of others. While the hub is away, the client reconnects by
// itself, and then declares its topics and subscribes again. If the hub ends the
// connection on purpose, as when it revokes the key, the client does not dial again:
// OnConnection is called with Reconnecting false, publications and streams end with an
// [*intentra.ClosedError], and Move does not help. The program closes the client and dials
// another one, if need be with [intentra.Config].RetryDial, until the key is allowed again.
//
// Its methods may be called from any goroutine, those that wait not in callbacks: there
// they return [intentra.ErrInCallback].
type Client struct {
	cfg   ClientConfig
	clock Clock

	mu           sync.Mutex
	peer         *intentra.Peer     // nil before the first connection
	target       intentra.PublicKey // the hub of the latest Move
	settlesAt    time.Duration      // see handover
	settling     bool               // subscriptions wait for that
	connected    bool
	welcomed     bool
	name         string
	seq, heard   uint64 // of the latest control message sent and received
	publications map[uint32]*Publication
	streams      map[uint32]*Stream
	remotes      remotes
	gaps         map[uint32]struct{} // channels with Reliable updates that were given up since the last one
	nextChannel  uint32
	nextID       uint32
	outbox       outbox
	listing      *listRequest
	stats        ClientStats
	connections  uint64        // how often forget was called
	losses       losses        // of messages to the hub
	pace         pace          // what the hub accepts
	resting      bool          // rested will be called
	settled      chan struct{} // closed when an update may be open no more; nil without a Flush
	closed       bool
}

// ClientStats are the counters of a client.
type ClientStats struct {
	// Received counts updates that came, Unknown those of them on channels that are not, or
	// no longer, known, and OtherHub those of a hub that the client has left; see
	// [Client.Move].
	Received, Unknown, OtherHub uint64
	// Superseded counts values that a newer one of their Latest topic has replaced
	// before they were read, and Dropped other updates that a full buffer has lost.
	Superseded, Dropped uint64
	// Excess counts Realtime and Latest updates that [Publication.Send] has sent although they
	// exceeded what the hub accepts from one publisher; see [Client.Limits]. The hub drops
	// them, but passes on the newest value of each Latest topic later.
	Excess uint64
	// GivenUp counts notices that Reliable updates were given up; see [Update].Gap.
	GivenUp uint64
	// Malformed counts control messages of the hub that could not be read.
	Malformed uint64
}

// Dial connects to a hub; see [intentra.Dial] for the address and the errors. Close
// closes the connection.
func Dial(ctx context.Context, addr string, hub intentra.PublicKey, cfg ClientConfig) (*Client, error) {
	c, err := NewClient(cfg)
	if err != nil {
		return nil, err
	}
	p, err := intentra.Dial(ctx, addr, hub, c.Config())
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.peer = p
	return c, nil
}

// NewClient makes a client without a transport, for a program that opens its own, or
// for the simulator: use Config for the transport or node, and dial the hub with it.
// The transport must have no other peers.
func NewClient(cfg ClientConfig) (*Client, error) {
	if cfg.Transport.Handler != nil || cfg.Transport.OnPeer != nil {
		return nil, errors.New("hub: ClientConfig.Transport has a Handler or an OnPeer, which belong to the client")
	}
	return &Client{
		cfg: cfg, clock: cfg.Clock.withDefaults(),
		publications: make(map[uint32]*Publication), streams: make(map[uint32]*Stream),
	}, nil
}

// Config returns the configuration of the client's transport.
func (c *Client) Config() intentra.Config {
	must(c.valid())
	cfg := c.cfg.Transport
	// A literal copies the message once less than a method value.
	receive := func(in intentra.Received) { c.receive(&in) }
	cfg.Handler, cfg.OnPeer, cfg.OnGivenUp, cfg.OnDelivery = receive, c.peerEvent, c.givenUp, c.delivered
	return cfg
}

// Peer returns the hub as a peer of the transport, nil before the first connection.
func (c *Client) Peer() *intentra.Peer {
	must(c.valid())
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.peer
}

// Name returns the name by which the hub knows this client, "" before it is known.
func (c *Client) Name() string {
	must(c.valid())
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.name
}

// Stats returns the counters of the client.
func (c *Client) Stats() ClientStats {
	must(c.valid())
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stats
}

// Shutdown sends what is queued, waits until it is acknowledged or ctx ends, and
// closes the connection; see [intentra.Transport.Shutdown].
func (c *Client) Shutdown(ctx context.Context) error {
	if err := waits(ctx, "Shutdown", c.valid()); err != nil {
		return err
	}
	p := c.end()
	if p == nil {
		return net.ErrClosed
	}
	return p.Transport().Shutdown(ctx)
}

// Close closes the connection at once. Streams end with net.ErrClosed.
func (c *Client) Close() error {
	if err := c.valid(); err != nil {
		return err
	}
	if p := c.end(); p != nil {
		return p.Transport().Close()
	}
	return nil
}

func (c *Client) end() *intentra.Peer {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	c.endAll(net.ErrClosed)
	return c.peer
}

// endAll ends all streams and pending requests.
func (c *Client) endAll(err error) {
	for _, s := range c.streams {
		s.end(err)
	}
	for _, p := range c.publications {
		p.refuse(err)
	}
	if c.listing != nil {
		c.listing.end(err)
	}
	c.settle()
}

// peerEvent implements Config.OnPeer.
func (c *Client) peerEvent(ev intentra.PeerEvent) {
	c.mu.Lock()
	if !c.concerns(ev) {
		c.mu.Unlock()
		return
	}
	switch {
	case ev.Kind != intentra.PeerDown:
		c.begin()
	case ev.Reconnecting:
		c.lost()
	default:
		c.lost()
		c.closed = true
		c.endAll(&intentra.ClosedError{Reason: ev.Reason})
	}
	c.mu.Unlock()
	if c.cfg.OnConnection != nil {
		c.cfg.OnConnection(ev)
	}
}

// begin greets the hub at the beginning of a connection.
func (c *Client) begin() {
	c.lost()
	c.connected = true
	c.losses.begin(c.peer, c.clock.Now())
	c.send(message{Type: typeHello, Version: version})
}

// lost forgets what a connection had established.
func (c *Client) lost() {
	if c.listing != nil && c.connected { // else it waits for the connection
		c.listing.end(ErrNotConnected)
	}
	c.connected, c.welcomed, c.heard = false, false, 0
	c.outbox.clear()
	c.forget()
}

// forget forgets what the hub has announced and agreed to.
func (c *Client) forget() {
	c.connections++
	c.remotes.clear()
	clear(c.gaps)
	for _, p := range c.publications {
		p.state = publicationNew
		p.wanted = true // until the hub says otherwise
	}
}

// waitFor waits until done is closed, and returns the error that err then returns.
func (c *Client) waitFor(ctx context.Context, done <-chan struct{}, err func() error) error {
	select {
	case <-done:
		c.mu.Lock()
		defer c.mu.Unlock()
		return err()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func sortedKeys[T any](m map[uint32]T) []uint32 { return slices.Sorted(maps.Keys(m)) }
