package conn

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/intentra/intentra/internal/fair"
	"github.com/intentra/intentra/internal/sendq"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/stages"
	"github.com/intentra/intentra/wire"
)

// Endpoint is one end of any number of sessions over one socket. Its methods are
// called from one goroutine at a time; the package documentation says in which order.
type Endpoint struct {
	cfg   Config
	in    *pipeline.Inbound
	out   *pipeline.Outbound
	set   *stages.Set
	stats Stats
	// instance is what Hello.Instance announces.
	instance uint64
	window   uint16        // what Hello.Window announces
	panics   atomic.Uint64 // in callbacks; those in stages and jobs are in stats

	peers    map[peerKey]*Peer
	byID     pipeline.Slots[*Peer]
	sessions pipeline.Slots[*session]
	epochs   pipeline.Slots[*epoch]
	pending  pipeline.Slots[pendingHandshake] // by receiver index, as epochs are

	peerIDs, sessionIDs, epochIDs ids

	timers    timers
	owed      owed
	assembly  assembly
	queues    *sendq.Budget // of all send queues
	lingering lingering
	touched   []*session // to flush, each once
	withheld  []*session // to flush once more of the log has been read
	log       *sendq.Log
	flights   []*session // those with a flight, in no order
	blamedAt  pipeline.Time
	closing   []closing // to close when the chain has finished its packet
	leaving   []*Peer   // that Close has yet to close, as the batch has room

	halves     halfOpens
	waiting    waiting
	admission  *fair.Limiter // of handshakes that this side answers; see admit
	rekeys     *rate.Limiter // of rekeys, started and answered
	complaints *rate.Limiter // of log lines about refused keys
	jobs       []*Job
	jobsMade   uint64
	worker     workerPace
	peersMade  uint64
	generation uint64 // grows with each revocation; see authorize

	packet   pipeline.Packet // the inbound one
	warmth   uint64          // see Warm
	replied  bool            // packet has caused a control packet already
	outgoing pipeline.Packet // the outbound one
	arena    arena
	filling  fill

	events, spareEvents         []Event
	deliveries, spareDeliveries []Delivery
	decisions                   []sendq.Decision // scratch of attend
	expiries                    map[*Peer]*expiry
}

// New makes an endpoint with a copy of cfg, in which zero values are set to their
// defaults. The error is [ErrKey] without an Identity, [ErrRand] without a Rand, a
// wrapped [*ConfigError], or that of cfg.Stages, of building the chains, or of
// cfg.Rand.
func New(cfg Config) (*Endpoint, error) {
	switch {
	case cfg.Identity.IsZero():
		return nil, ErrKey
	case cfg.Rand == nil:
		return nil, ErrRand
	}
	cfg = cfg.WithDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("conn: invalid config: %w", err)
	}
	e := &Endpoint{
		cfg:        cfg,
		window:     wire.ReliableWindow,
		peers:      make(map[peerKey]*Peer),
		log:        sendq.NewLog(),
		queues:     sendq.NewBudget(cfg.SendMemory),
		peerIDs:    ids{max: pipeline.MaxIDs},
		sessionIDs: ids{max: pipeline.MaxIDs},
		epochIDs:   ids{max: pipeline.MaxIDs},
		complaints: rate.NewLimiter(1, 5),
		rekeys:     rate.NewLimiter(rate.Limit(cfg.RekeyRate), max(cfg.RekeyRate/4, 1)),
	}
	e.guardCallbacks()
	e.lingering.timer.Value = &e.lingering
	e.assembly.timer.Value = &e.assembly
	e.halves.init()
	e.waiting.init()
	e.waiting.timer.Value = &e.waiting
	e.arena.init(cfg.MaxDatagram)
	e.packet.Reply = make([]byte, 0, wire.CookiePacketSize)
	var seed [16]byte
	if _, err := io.ReadFull(e.cfg.Rand, seed[:]); err != nil {
		return nil, fmt.Errorf("conn: reading randomness: %w", err)
	}
	if err := e.drawInstance(); err != nil {
		return nil, err
	}
	e.admission = fair.New(float64(cfg.HandshakeRate), cfg.HandshakeBurst, seed)
	if err := e.buildChains(); err != nil {
		return nil, err
	}
	e.filling.init(e)
	return e, nil
}

func (e *Endpoint) buildChains() error {
	cfg := e.cfg.Chains
	cfg.Cookie.Rand = e.cfg.Rand
	cfg.RateLimit.Rate, cfg.RateLimit.Burst = uint32(e.cfg.PeerRate), uint32(e.cfg.PeerBurst)
	cfg.RateLimit.MessageRate, cfg.RateLimit.ByteRate = uint32(e.cfg.PeerMessageRate), uint32(e.cfg.PeerByteRate)
	cfg.Replay.Bits = e.cfg.ReplayWindow
	for _, seed := range []*[16]byte{&cfg.Cookie.Seed, &cfg.RateLimit.Seed} {
		if _, err := io.ReadFull(e.cfg.Rand, seed[:]); err != nil {
			return fmt.Errorf("conn: reading randomness: %w", err)
		}
	}
	cfg.RateLimit.Expected = e.expected
	cfg.Header.Handshake = e.handleHandshake
	cfg.Ack.Control = e.handleControl
	cfg.Ack.Acked = e.handleAcked
	cfg.Ack.Owed = e.handleOwed
	cfg.Ack.Clock = e.Micros
	cfg.Ack.Room = e.room
	cfg.Ack.MaxMessage = e.cfg.MaxMessage
	cfg.Ack.Lost = e.handleUnfinished
	cfg.Ack.Assembling = e.handleAssembling
	cfg.Ack.GivenUp = e.givenUp
	cfg.Dispatch.Deliver = e.deliver
	set, err := stages.Default(cfg)
	if err != nil {
		return err
	}
	if err := e.changeChains(set); err != nil {
		return err
	}
	if set.Builder == nil || set.Outbound == nil || set.Ack == nil || set.Open == nil || set.Seal == nil || set.Cookie == nil {
		return errors.New("conn: Config.Stages has set a builder or a stage of the set to nil; use Remove and Replace")
	}
	if e.in, err = set.Build(e.cfg.BuildOptions...); err != nil {
		return err
	}
	if e.out, err = set.Outbound.Build(e.cfg.BuildOptions...); err != nil {
		return err
	}
	if e.out.Packer() == nil {
		return errors.New("conn: the outbound chain has no packer")
	}
	e.set = set
	for _, c := range []pipeline.Chain{e.in, e.out} {
		c.OnPanic(e.panicked)
	}
	e.in.OnDrop(e.dropped)
	return nil
}

func (e *Endpoint) panicked(stage string, value any) {
	e.stats.Panics++
	e.cfg.Logger.Error("panic in a stage, handler or callback; the packet was dropped", "stage", stage, "panic", value)
}

// dropped counts a drop for the peer that the packet claims to be from.
func (e *Endpoint) dropped(p *pipeline.Packet, row int) {
	if e.cfg.Journal.Dropped != nil {
		e.cfg.Journal.Dropped(row)
	}
	if peer := e.byID.Get(p.Peer); peer != nil {
		(*peer).countDrop(row)
	}
}

// Inbound returns the chain that received packets run through.
func (e *Endpoint) Inbound() *pipeline.Inbound { return e.checked().in }

// Outbound returns the chain that packets to be sent run through.
func (e *Endpoint) Outbound() *pipeline.Outbound { return e.checked().out }

// Stats returns a copy of the endpoint's counters.
func (e *Endpoint) Stats() Stats {
	e.checked()
	s := e.stats
	s.Panics += e.panics.Load()
	s.HandshakesInFlight = e.halves.len()
	s.HandshakesWaiting = e.waiting.len()
	s.HeldBytes, s.FragmentBytes = e.set.Ack.HeldBytes(), e.set.Ack.FragmentBytes()
	s.SendMemory = e.queues.Used()
	s.Peers = len(e.peers)
	return s
}

// Deadline returns the time of the next HandleTimeout; false if none is needed. Any
// other call may change it.
func (e *Endpoint) Deadline() (pipeline.Time, bool) {
	e.checked()
	at, ok := e.timers.next()
	if owed, due := e.owed.next(); due && (!ok || owed < at) {
		return owed, true
	}
	return at, ok
}

// HandleTimeout does everything that is due at now.
func (e *Endpoint) HandleTimeout(now pipeline.Time) {
	e.checked()
	e.payOwed(now)
	for {
		at, ok := e.timers.next()
		if !ok || at > now {
			return
		}
		t := e.timers.First()
		e.timers.Remove(t)
		t.Value.timeout(e, now)
		e.closeMarked(now)
	}
}

// random fills b from Config.Rand, and reports whether it succeeded.
func (e *Endpoint) random(b []byte) bool {
	if _, err := io.ReadFull(e.cfg.Rand, b); err != nil {
		e.cfg.Logger.Error("reading randomness failed", "err", err)
		return false
	}
	return true
}

// lot returns a random number below n, and reports whether it succeeded.
func (e *Endpoint) lot(n uint32) (uint32, bool) {
	var b [4]byte
	if !e.random(b[:]) {
		return 0, false
	}
	return uint32(uint64(binary.BigEndian.Uint32(b[:])) * uint64(n) >> 32), true
}

// jitter returns d varied at random by up to a fifth either way.
func (e *Endpoint) jitter(d time.Duration) time.Duration {
	var b [2]byte
	e.random(b[:])
	return d*4/5 + d*2/5*time.Duration(binary.BigEndian.Uint16(b[:]))/(1<<16)
}

// takeEpochID returns a receiver index that is not in use.
func (e *Endpoint) takeEpochID() (pipeline.ID, bool) {
	var gen [1]byte
	if !e.random(gen[:]) {
		return 0, false
	}
	return e.epochIDs.take(gen[0])
}

// Probe sends a Ping to the peer if packets to it are unacknowledged and it is not
// too soon, so that they are acknowledged or lost without further traffic.
func (e *Endpoint) Probe(p *Peer, now pipeline.Time) {
	e.checked()
	p.checked()
	if s := p.session; s != nil && now >= later(max(s.lastPing, s.asked), e.rto(s)) {
		s.pingDue, s.lastPing = true, now
		e.touch(s)
	}
}

// goTime converts a time for packages that need a time.Time, such as x/time/rate.
// Only differences are meaningful.
func goTime(t pipeline.Time) time.Time { return time.Unix(0, int64(t)) }

// later returns now plus d.
func later(now pipeline.Time, d time.Duration) pipeline.Time { return now + pipeline.Time(d) }

// Close ends all handshakes and all sessions for the reason, and sends Close frames
// to the peers. It returns true if the batch is full before it is done: send Outgoing
// and call it again. Then call Flush and send Outgoing a last time. A job that is
// still running holds keys until it has come back through HandleJob.
func (e *Endpoint) Close(reason wire.CloseReason, now pipeline.Time) (more bool) {
	e.checked()
	e.log.Close()
	e.closeWaiting()
	e.closeHalves()
	if e.leaving == nil {
		e.leaving = e.sortedPeers()
	}
	for len(e.leaving) > 0 {
		if e.arena.full() {
			return true
		}
		e.ClosePeer(e.leaving[0], reason, now)
		e.leaving = e.leaving[1:]
	}
	e.leaving = nil
	// Wipe the queued jobs without running them.
	for j := e.PollJob(); j != nil; j = e.PollJob() {
		j.err = ErrClosed
		j.wipe()
		e.HandleJob(j, now)
	}
	e.readLog() // no peer has a session: its broadcasts are counted as lost
	return false
}
