// Package node joins a hub to a fleet: several hubs, on as many machines, which serve the
// same topics. Peers connect to any of them. The hubs exchange updates over NATS, either
// a server in each hub's process, or an existing cluster.
//
//	n, err := node.Open(node.Config{
//		Listen: ":9000", Advertise: "hub-1.example:9000",
//		Hub:    hub.Config{Transport: intentra.Config{Key: key}, Access: access},
//		NATS:   "tls://nats.example:4222", Options: []nats.Option{nats.UserCredentials("hub.creds")},
//	})
//	err = n.Run(ctx)
//
// docs/FLEET.md says what is guaranteed, and what is not.
package node

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/intentra/intentra/fleet/member"
	"github.com/intentra/intentra/hub"
)

// Config configures a Node.
type Config struct {
	// Fleet is the fleet's name, the same for all hubs: 1 to 32 letters, digits, hyphens
	// and underscores. Default "default".
	Fleet string
	// Listen is the address on which the hub listens; see [intentra.Listen]. Advertise is
	// where its peers dial it, as HOST:PORT. Default: the address on which it listens.
	Listen, Advertise string
	// Hub configures the hub. Its field Fleet belongs to the node and must be nil.
	Hub hub.Config
	// NATS is the URL of a server, or several with commas, with Options for TLS,
	// credentials and NKeys. Empty: a server runs in this process.
	NATS    string
	Options []nats.Option
	// Embedded configures the server in this process. It is not used with NATS.
	Embedded Embedded
	// AccessFile is where the access list is copied whenever it changes in NATS, so that the
	// hub can start without NATS. Empty: it is not copied. Hub.Access is the list until one
	// comes from NATS.
	AccessFile string
	// AccessWait is how long a hub with an AccessFile waits at its start for the access list
	// from NATS, before it admits peers by its copy, in which a key may be allowed that was
	// revoked while the hub was down. Default 5 s, at most 1 minute; a negative value means
	// that it does not wait.
	AccessWait time.Duration
	// Replicas is on how many NATS servers the access list is kept: 1, or 3 or more in a
	// cluster of at least that many. Default 1.
	Replicas int
	// Gather is how long updates wait for others, so that they travel together: the first
	// after a pause not at all, the others at most for this time. Default 4 ms, range 0 to
	// 1 s, where a negative value means zero.
	Gather time.Duration
	// Batch is that of [member.Config], range 0 to 256 KiB.
	Batch int
	// Heartbeat, Lost and Forget are those of [member.Config].
	Heartbeat, Lost, Forget time.Duration
	// Logger gets what an operator wants to know. Nil means that of Hub.
	Logger *slog.Logger
}

// What we chose.
const (
	tickInterval   = 100 * time.Millisecond
	turnMessages   = 64        // that are handled while the hub is locked
	turnBytes      = 128 << 10 // of them
	defaultGather  = 4 * time.Millisecond
	maxGather      = time.Second
	maxBatch       = 256 << 10
	defaultAccess  = 5 * time.Second
	maxAccess      = time.Minute
	reconnectWait  = 100 * time.Millisecond // doubled with each attempt, up to reconnectMost
	reconnectMost  = 2 * time.Second
	connectTimeout = 5 * time.Second
)

var fleetName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,32}$`)

// Node is a hub and its membership of a fleet. Its methods may be called from any
// goroutine.
type Node struct {
	cfg    Config
	log    *slog.Logger
	hub    *hub.Hub
	server *server.Server // nil with an external NATS
	faults serverFaults   // of the server
	queue  *queue
	bus    *bus
	start  time.Time

	connected atomic.Bool
	warned    atomic.Bool   // that NATS is not reached
	denied    atomic.Bool   // that NATS refuses credentials or a subject
	ending    atomic.Bool   // the node ends the connection itself
	access    atomic.Uint64 // the revision of the access list from NATS
	lists     *lists        // nil without JetStream

	mu      sync.Mutex // of the member, and of what the loop shares
	member  *member.Member
	events  taken
	msgs    []*nats.Msg
	drops   uint64
	rates   rates
	clashes clashes

	draining, left bool
	advertised     []hub.Address

	stop   chan struct{}
	cancel context.CancelFunc // of lists
	once   sync.Once
	done   sync.WaitGroup
}

// ErrConfig is returned by [Open] for a Config with an invalid field.
var ErrConfig = errors.New("node: invalid configuration")

// Open starts a hub and joins it to its fleet. Close or the end of Run stops it. The error is
// ErrConfig, one of [hub.Listen], or that of the connection to NATS or of its server. A hub
// with Config.AccessFile waits for the list of the fleet before it listens, for at most
// Config.AccessWait.
func Open(cfg Config) (*Node, error) {
	if err := cfg.fill(); err != nil {
		return nil, err
	}
	start := time.Now()
	n := &Node{cfg: cfg, log: cfg.Logger, queue: newQueue(start), start: start, stop: make(chan struct{})}
	n.faults.log, n.faults.now = n.log, func() time.Duration { return time.Since(start) }
	ctx, cancel := context.WithCancel(context.Background())
	n.cancel = cancel
	if err := n.open(ctx); err != nil {
		cancel()
		_ = n.end() // the first error says what is wrong
		return nil, err
	}
	n.done.Go(n.loop)
	if n.lists != nil {
		n.done.Go(func() { n.lists.watch(ctx) })
		n.done.Go(func() { n.lists.enter(ctx) })
	}
	return n, nil
}

// open connects to NATS, waits for the access list, and starts the hub.
func (n *Node) open(ctx context.Context) error {
	conn, err := n.connect()
	if err != nil {
		return err
	}
	n.bus = &bus{subjects: newSubjects(n.cfg.Fleet), conn: conn, in: make(chan *nats.Msg, inboxSize)}
	if n.cfg.NATS != "" || n.cfg.Embedded.Store != "" {
		if n.lists, err = newLists(n, conn); err != nil {
			return err
		}
		n.lists.first(ctx, n.cfg.AccessWait)
	}
	cfg := n.cfg.Hub
	cfg.Fleet = n.queue
	if n.hub, err = hub.Listen(n.cfg.Listen, cfg); err != nil {
		return err
	}
	n.warnAccess(cfg.Access)
	return n.join()
}

func (c *Config) fill() error {
	if c.Fleet == "" {
		c.Fleet = "default"
	}
	if c.Gather == 0 {
		c.Gather = defaultGather
	}
	c.Gather = max(c.Gather, 0)
	if c.AccessWait == 0 {
		c.AccessWait = defaultAccess
	}
	if c.Logger == nil {
		c.Logger = c.Hub.Logger
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	switch {
	case !fleetName.MatchString(c.Fleet):
		return fmt.Errorf("%w: Config.Fleet is %q; it must be 1 to 32 letters, digits, hyphens and underscores", ErrConfig, c.Fleet)
	case c.Gather > maxGather:
		return fmt.Errorf("%w: Config.Gather is %v; it must be at most %v", ErrConfig, c.Gather, maxGather)
	case c.AccessWait > maxAccess:
		return fmt.Errorf("%w: Config.AccessWait is %v; it must be at most %v", ErrConfig, c.AccessWait, maxAccess)
	case c.Batch < 0 || c.Batch > maxBatch:
		return fmt.Errorf("%w: Config.Batch is %d; it must be 0 to %d", ErrConfig, c.Batch, maxBatch)
	case c.Hub.Fleet != nil:
		return fmt.Errorf("%w: Config.Hub has a Fleet, which belongs to the node", ErrConfig)
	}
	return nil
}

// connect connects to NATS.
func (n *Node) connect() (*nats.Conn, error) {
	key := n.cfg.Hub.Transport.Key.Public()
	options := append([]nats.Option{
		nats.Name("intentra hub " + key.String()), nats.NoEcho(), nats.MaxReconnects(-1), nats.RetryOnFailedConnect(true),
		nats.Timeout(connectTimeout), nats.ReconnectBufSize(-1), nats.PingInterval(time.Second), nats.MaxPingsOutstanding(2),
		nats.CustomReconnectDelay(backOff), nats.FlusherTimeout(time.Second),
		nats.IgnoreAuthErrorAbort(), // credentials may be repaired: otherwise the client stops at the second refusal
		nats.ConnectHandler(func(*nats.Conn) { n.setConnected(true, nil) }),
		nats.ReconnectHandler(func(*nats.Conn) { n.setConnected(true, nil) }),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) { n.setConnected(false, err) }),
		nats.ReconnectErrHandler(func(_ *nats.Conn, err error) { n.unreached(err) }), // the first attempt as well
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { n.refused(err) }),
	}, n.cfg.Options...)
	if n.cfg.NATS == "" {
		password := rand.Text()
		s, err := n.cfg.Embedded.start(n.cfg.Fleet, key.String(), password, &n.faults)
		if err != nil {
			return nil, err
		}
		n.server = s
		options = append(options, nats.InProcessServer(s), nats.UserInfo(embeddedUser, password))
	}
	conn, err := nats.Connect(n.cfg.NATS, options...)
	if err != nil {
		return nil, fmt.Errorf("node: connecting to NATS: %w", err)
	}
	return conn, nil
}

// join makes the member and has it receive.
func (n *Node) join() (err error) {
	t := n.hub.Transport()
	key := t.PublicKey()
	addr := n.cfg.Advertise
	if addr == "" {
		addr = t.LocalAddr().String()
	}
	var random [8]byte
	_, _ = rand.Read(random[:]) // never fails
	n.member, err = member.New(member.Config{
		Key: key, Incarnation: binary.BigEndian.Uint64(random[:]) | 1, Addr: addr,
		Heartbeat: n.cfg.Heartbeat, Lost: n.cfg.Lost, Forget: n.cfg.Forget, Batch: n.cfg.Batch,
	}, n.bus)
	if err != nil {
		return err
	}
	if err := n.bus.open(key); err != nil {
		return fmt.Errorf("node: subscribing: %w", err)
	}
	return nil
}

// backOff returns how long to wait before an attempt to reconnect.
func backOff(attempts int) time.Duration {
	return min(reconnectWait<<min(attempts, 10), reconnectMost)
}

func (n *Node) setConnected(connected bool, err error) {
	if n.connected.Swap(connected) == connected {
		return
	}
	if !connected {
		n.unreached(err)
		return
	}
	n.warned.Store(false)
	n.denied.Store(false)
	n.log.Info("connected to NATS")
}

// unreached warns that NATS is not reached, once until it is, and not when the node ends the
// connection itself.
func (n *Node) unreached(err error) {
	if !n.ending.Load() && !n.warned.Swap(true) {
		n.log.Warn("NATS cannot be reached; this hub goes on serving its own peers", "err", err)
	}
}

// refused warns that NATS refuses what the hub needs, once until it connects again. Messages that
// the NATS client has dropped are errors too, which are counted.
func (n *Node) refused(err error) {
	for _, e := range []error{nats.ErrPermissionViolation, nats.ErrAuthorization, nats.ErrAuthExpired, nats.ErrAuthRevoked, nats.ErrAccountAuthExpired} {
		if errors.Is(err, e) && !n.denied.Swap(true) {
			n.log.Warn("NATS refuses what this hub needs", "err", err)
		}
	}
}

// Hub returns the node's hub.
func (n *Node) Hub() *hub.Hub { return n.hub }

// Run waits until ctx ends, and then drains the node for a while and closes it.
func (n *Node) Run(ctx context.Context) error {
	if ctx == nil {
		return errors.New("node: the context is nil")
	}
	<-ctx.Done()
	draining, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
	defer cancel()
	n.mu.Lock()
	alone := len(n.member.Hubs(0)) == 1
	n.mu.Unlock()
	if !alone {
		if err := n.Drain(draining); err != nil {
			n.log.Warn("not all peers have moved to other hubs", "err", err)
		}
	}
	return n.Close()
}

// Close closes the hub and leaves the fleet at once.
func (n *Node) Close() error {
	n.once.Do(func() { close(n.stop) })
	n.cancel()
	n.done.Wait()
	return n.end()
}

func (n *Node) end() error {
	var err error
	if n.hub != nil {
		err = n.hub.Close()
	}
	n.ending.Store(true)
	n.faults.ended.Store(true)
	if n.bus != nil {
		n.bus.conn.Close()
	}
	if n.server != nil {
		n.server.Shutdown()
		n.server.WaitForShutdown()
	}
	return err
}

// cause says why there is a turn.
type cause uint8

const (
	causeMessage  cause = iota
	causeGathered       // updates have waited for as long as they may
	causeTick
)

// loop calls turn until the node is closed.
func (n *Node) loop() {
	tick := time.NewTicker(tickInterval)
	defer tick.Stop()
	gather := time.NewTimer(0)
	defer gather.Stop()
	waiting := true // for the timer
	var last time.Time
	for {
		select {
		case <-n.stop:
			return
		case <-n.queue.wake:
			if !waiting {
				waiting = true
				gather.Reset(n.cfg.Gather - time.Since(last))
			}
		case last = <-gather.C:
			waiting = false
			n.turn(nil, causeGathered)
		case m := <-n.bus.in:
			n.turn(m, causeMessage)
		case <-tick.C:
			// The NATS client reports refused credentials in no other way before it has
			// connected once.
			if err := n.bus.conn.LastError(); err != nil && !n.connected.Load() {
				n.unreached(err)
			}
			n.turn(nil, causeTick)
			if n.lists != nil {
				n.lists.warn(time.Since(n.start))
			}
		}
	}
}

// turn lets the member handle what the hub and other hubs have sent.
func (n *Node) turn(m *nats.Msg, why cause) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.msgs = n.msgs[:0]
	for size := 0; m != nil; {
		n.msgs = append(n.msgs, m)
		size += len(m.Data)
		m = nil
		if size < turnBytes && len(n.msgs) < turnMessages {
			select {
			case m = <-n.bus.in:
			default:
			}
		}
	}
	n.hub.Remote(func(r *hub.Remote) {
		n.member.Begin(r, time.Since(n.start))
		n.drain()
		for _, m := range n.msgs {
			n.receive(m)
		}
		if why == causeTick {
			n.member.Tick()
		}
		n.drain() // what the hub has answered
		if why == causeGathered {
			n.member.Flush()
		}
		n.member.End()
	})
	if claims := n.member.Claims(); n.lists != nil {
		n.lists.claim(claims)
	}
	if why == causeTick {
		n.drops = n.bus.dropped()
		now := time.Since(n.start)
		hubs := n.member.Hubs(now)
		n.advertise(hubs)
		n.rates.measure(hubs, now)
		if total, due := n.clashes.count(n.member.Stats().Clashes, now); due {
			n.log.Error("another process runs with this hub's key; give each hub a key of its own", "heartbeats", total)
		}
	}
	n.bus.flush()
	clear(n.msgs)
}

// claims reports whether the session of a claim is still connected.
func (n *Node) claims(c member.Claim) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.member.Current(c)
}

// claimed notes the revision of a claim.
func (n *Node) claimed(c member.Claim, revision uint64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.hub.Remote(func(r *hub.Remote) {
		n.member.Begin(r, time.Since(n.start))
		n.drain()
		n.member.Claimed(c, revision)
		n.drain()
		n.member.End()
	})
	n.bus.flush()
}

// drain gives the events of the hub to the member. No others come while the hub is locked,
// except for those that the member causes.
func (n *Node) drain() {
	for {
		n.queue.take(&n.events)
		if len(n.events.events) == 0 {
			n.member.Settle()
			return
		}
		n.events.apply(n.member)
	}
}

func (n *Node) receive(m *nats.Msg) {
	switch s := &n.bus.subjects; m.Subject {
	case s.heartbeat:
		n.member.ReceiveHeartbeat(m.Data)
	case s.directory:
		n.member.ReceiveDirectory(m.Data)
	default:
		n.member.ReceiveDirect(m.Data)
	}
}
