package conn

import (
	"encoding/binary"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"

	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/stages"
	"github.com/intentra/intentra/wire"
)

// node is an endpoint with the driver that a test needs: it runs jobs, answers
// NeedAddress and keeps what it hears.
type node struct {
	w    *network
	ep   *Endpoint
	addr netip.AddrPort
	key  [KeySize]byte
	dead bool

	jobDelay time.Duration
	onRun    func(*Job)                       // is shown each job that has been run
	onJob    func(*Job)                       // and again when it has come back
	book     map[[KeySize]byte]netip.AddrPort // what names resolve to
	resolved int
	events   []heard
	got      []message
	full     bool // Room says no
	onGot    func(message)
}

// heard is an event with its time.
type heard struct {
	at pipeline.Time
	Event
}

type message struct {
	at      pipeline.Time
	from    *Peer
	channel uint32
	intent  pipeline.Intent
	payload string
}

// defaults are those of the root package.
func defaults() Config {
	return Config{
		Logger:      slog.New(slog.DiscardHandler),
		Authorize:   func([KeySize]byte) bool { return true },
		Suite:       wire.AESGCM,
		Suites:      []wire.Suite{wire.AESGCM, wire.ChaChaPoly},
		MaxDatagram: 1232, MaxPeers: 1 << 17,
		IdleTimeout: 60 * time.Second, KeepAlive: time.Second, HandshakeTimeout: 5 * time.Second, Unanswered: 2 * time.Second,
		MaxHandshakes: 100, MaxHandshakesPerAddress: 5, HandshakeRate: 200, HandshakeBurst: 50, RekeyRate: 200,
		PeerRate: 10_000, PeerBurst: 500, RekeyAfterPackets: 1 << 27, RekeyAfter: 120 * time.Second,
		Strikes: 10, StrikeWindow: 5 * time.Second,
		SendQueueMessages: 1024, SendQueueBytes: 256 << 10, ReliableQueueMessages: 1024, ReliableQueueBytes: 1 << 20,
	}
}

// node adds an endpoint at 10.0.0.x:x, x counting from one.
func (w *network) node(change ...func(*Config)) *node {
	x := len(w.nodes) + 1
	addr := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(x >> 8), byte(x)}), uint16(x))
	return w.nodeAt(addr, w.newIdentity(), change...)
}

func (w *network) newIdentity() Identity {
	var private [KeySize]byte
	for i := range private {
		private[i] = byte(w.rng.Uint32())
	}
	id, err := NewIdentity(private)
	require.NoError(w.t, err)
	return id
}

func (w *network) nodeAt(addr netip.AddrPort, id Identity, change ...func(*Config)) *node {
	n := &node{w: w, addr: addr, key: id.Public(), book: map[[KeySize]byte]netip.AddrPort{}}
	cfg := defaults()
	cfg.Identity = id
	cfg.Rand = w.randomness()
	cfg.Deliver = n.deliver
	cfg.Room = func(*Peer) bool { return !n.full }
	cfg.Touched = func(*Peer) {}
	for _, c := range change {
		c(&cfg)
	}
	w.observe(&cfg, addr)
	var err error
	n.ep, err = New(cfg)
	require.NoError(w.t, err)
	w.nodes = append(w.nodes, n)
	return n
}

// observe has the ledger see what the node seals.
func (w *network) observe(cfg *Config, addr netip.AddrPort) {
	if w.ledger == nil {
		return
	}
	change := cfg.Stages
	owner := w.ledger.Owner(fmt.Sprintf("node %d at %s", len(w.nodes)+1, addr))
	cfg.Stages = func(s *stages.Set) error {
		s.Seal.Observe(owner)
		if change == nil {
			return nil
		}
		return change(s)
	}
}

func (w *network) randomness() *rand.ChaCha8 {
	var seed [32]byte
	binary.LittleEndian.PutUint64(seed[:], w.rng.Uint64())
	return rand.NewChaCha8(seed)
}

// restart replaces a node by a fresh endpoint with the same key and address,
// as when the process was killed.
func (n *node) restart(change ...func(*Config)) *node {
	n.dead = true
	return n.w.nodeAt(n.addr, n.ep.cfg.Identity, change...)
}

// turn does what the event loop does besides reading, until nothing is left.
func (n *node) turn() {
	for again := true; again; {
		n.ep.HandleTimeout(n.w.now)
		n.takeEvents()
		for more := true; more; {
			more = n.ep.Flush(n.w.now)
			for _, d := range n.ep.Outgoing() {
				n.w.send(n.addr, d.Addr, d.Data)
			}
		}
		again = n.takeJobs() || n.ep.HasEvents()
	}
}

func (n *node) takeJobs() (done bool) {
	for j := n.ep.PollJob(); j != nil; j = n.ep.PollJob() {
		if n.jobDelay > 0 {
			n.w.after(n.jobDelay, func() {
				n.runJob(j)
				n.turn()
			})
			continue
		}
		n.runJob(j)
		done = true
	}
	return done
}

func (n *node) runJob(j *Job) {
	j.Run()
	if n.onRun != nil {
		n.onRun(j)
	}
	n.ep.HandleJob(j, n.w.now)
	if n.onJob != nil {
		n.onJob(j)
	}
}

func (n *node) takeEvents() {
	for n.ep.HasEvents() {
		for _, ev := range n.ep.Events() {
			n.w.note(uint64(n.w.now), uint64(ev.Kind), uint64(ev.Reason))
			n.events = append(n.events, heard{n.w.now, ev})
			if ev.Kind != NeedAddress {
				continue
			}
			n.resolved++
			if addr, ok := n.book[ev.Peer.Key]; ok {
				n.ep.SetAddress(ev.Peer, addr, n.w.now)
			}
		}
	}
}

func (n *node) deliver(p *Peer, pk *pipeline.Packet) bool {
	n.takeEvents()
	m := message{n.w.now, p, pk.Channel, pk.Intent, string(pk.Payload())}
	n.got = append(n.got, m)
	if n.onGot != nil {
		n.onGot(m)
	}
	return true
}

// dial has n keep connected with other.
func (n *node) dial(other *node) *Peer {
	n.book[other.key] = other.addr
	p, err := n.ep.Dial(other.key, n.w.now)
	require.NoError(n.w.t, err)
	n.turn()
	return p
}

// peer returns what n knows of other, which must be something.
func (n *node) peer(other *node) *Peer {
	p := n.ep.Peer(other.key)
	require.NotNil(n.w.t, p)
	return p
}

func (n *node) up(other *node) bool {
	p := n.ep.Peer(other.key)
	return p != nil && p.Connected()
}

// session returns the session of n with other, which must be there.
func (n *node) session(other *node) *session {
	s := n.peer(other).session
	require.NotNil(n.w.t, s)
	return s
}

// push queues a message and lets n send it.
func (n *node) push(other *node, channel uint32, intent pipeline.Intent, payload string) PushResult {
	o := n.queue(other, channel, intent, payload)
	n.turn()
	return o
}

// queue is push without the turn.
func (n *node) queue(other *node, channel uint32, intent pipeline.Intent, payload string) PushResult {
	p := n.peer(other)
	o, wake := p.Push(channel, intent, []byte(payload))
	if wake {
		n.ep.MarkReady(p)
	}
	return o
}

// count returns how many events of the kind n has heard.
func (n *node) count(kind EventKind) (c int) {
	for _, ev := range n.events {
		if ev.Kind == kind {
			c++
		}
	}
	return c
}

// last returns the last event of the kind, which must be there.
func (n *node) last(kind EventKind) heard {
	for i := len(n.events) - 1; i >= 0; i-- {
		if n.events[i].Kind == kind {
			return n.events[i]
		}
	}
	require.Fail(n.w.t, "no event", "kind %d", kind)
	return heard{}
}

// drops returns how many packets and messages n's inbound chain has dropped for
// the reason, written stage/reason.
func (n *node) drops(reason string) (total uint64) {
	n.ep.in.Publish()
	for _, d := range n.ep.in.Counts().Drops {
		if d.Stage+"/"+d.Reason == reason {
			total += d.Packets + d.Messages
		}
	}
	return total
}

// handshakes returns how often a handshake of n had the outcome.
func (n *node) handshakes(o Outcome) uint64 { return n.ep.Stats().Handshakes[o] }

// pair makes two nodes, the first of which has dialled the second.
func (w *network) pair(change ...func(*Config)) (a, b *node) {
	w.t.Helper()
	a, b = w.node(change...), w.node(change...)
	a.dial(b)
	w.await(5*time.Second, func() bool { return a.up(b) && b.up(a) })
	return a, b
}

// number writes i as a payload of at least size bytes.
func number(i, size int) string { return fmt.Sprintf("%0*d", size, i) }

// forbidRekeys leaves n without a budget for rekeys.
func (n *node) forbidRekeys() { n.ep.rekeys = rate.NewLimiter(0, 0) }
