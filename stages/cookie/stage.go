package cookie

import (
	"errors"
	"io"

	"github.com/intentra/intentra/internal/fair"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

// DefaultRepliesPerSecond is the default of Config.RepliesPerSecond: 4 Mbit/s of
// challenges, which have 48 bytes each.
const DefaultRepliesPerSecond = 10_000

// ErrRand is returned when Config.Rand is nil.
var ErrRand = errors.New("cookie: Config.Rand is nil")

// The stage's drops, in the order of Reasons.
const (
	DropNoRoom = pipeline.DropFirst + iota
	DropReplyBudget
	DropNoSecret
	DropReplyShare
)

// Config configures a [Stage].
type Config struct {
	// Rand is the source of secrets, of which 32 bytes are read at the first Init
	// and every 120 s. It is required, and cryptographically secure outside tests.
	Rand io.Reader `json:"-"`
	// RepliesPerSecond limits the challenges; a tenth of it may be sent at once,
	// half of that to one address. Addresses share it round-robin: one alone may
	// use all of it, and none can starve the others. Zero means
	// [DefaultRepliesPerSecond].
	RepliesPerSecond uint32
	// Seed is the key of the hash of addresses: random bytes, different at each
	// start, so that collisions cannot be computed.
	Seed [16]byte `json:"-"`
}

// Stage answers an Init that does not prove its address. It belongs to its
// chain's goroutine.
type Stage struct {
	jar    *Jar
	signer *signer
	budget *fair.Limiter
	sent   uint64
}

var (
	_ pipeline.Stage           = (*Stage)(nil)
	_ pipeline.PlaintextReader = (*Stage)(nil)
	_ pipeline.Guard           = (*Stage)(nil)
)

// New returns the stage, or [ErrRand].
func New(cfg Config) (*Stage, error) {
	if cfg.Rand == nil {
		return nil, ErrRand
	}
	if cfg.RepliesPerSecond == 0 {
		cfg.RepliesPerSecond = DefaultRepliesPerSecond
	}
	return &Stage{
		jar:    NewJar(cfg.Rand),
		signer: newSigner(),
		budget: fair.New(float64(cfg.RepliesPerSecond), int(cfg.RepliesPerSecond/10), cfg.Seed),
	}, nil
}

// Name returns "cookie".
func (s *Stage) Name() string { return "cookie" }

// Reasons names the drops.
func (s *Stage) Reasons() []string {
	return []string{"no_room", "reply_budget", "no_secret", "reply_share"}
}

// ReadsPlaintext returns false: the stage looks at handshake packets alone.
func (s *Stage) ReadsPlaintext() bool { return false }

// Guards names what the stage guards against.
func (s *Stage) Guards() string { return "handshakes from spoofed addresses" }

// Sent returns how many challenges the stage has put in a Reply, by Process and Wait. Only the
// chain's goroutine may call it.
func (s *Stage) Sent() uint64 { return s.sent }

// Process answers an Init without a valid cookie in p.Reply, and accepts all other
// packets.
func (s *Stage) Process(p *pipeline.Packet) pipeline.Verdict {
	if t, _, ok := wire.Peek(p.Data); !ok || t != wire.TypeInit {
		return pipeline.Accept
	}
	if _, fault := wire.ParseHeader(p.Data); fault != wire.FaultNone {
		return pipeline.Accept
	}
	// Dialers leave the cookie zero until they have one. Checking for that first
	// saves the MAC, which is most of the cost of a packet of a flood.
	if [wire.CookieSize]byte(wire.InitCookie(p.Data)) != ([wire.CookieSize]byte{}) && s.jar.Verify(p.Now, p.Addr, p.Data) {
		return pipeline.Accept
	}
	return s.challenge(p)
}

func (s *Stage) challenge(p *pipeline.Packet) pipeline.Verdict {
	if v := s.mayReply(p); v != pipeline.Consumed {
		return v
	}
	cookie, ok := s.jar.Cookie(p.Now, p.Addr, p.Data)
	if !ok {
		return DropNoSecret
	}
	s.reply(p, cookie)
	return pipeline.Consumed
}

// Wait answers p, an Init whose cookie is valid, in p.Reply with a challenge whose
// cookie is zero: the dialer keeps its cookie and waits for its turn. It reports whether
// p.Reply has room and Config.RepliesPerSecond allows it. Only the chain's goroutine may
// call it, while the chain processes p.
func (s *Stage) Wait(p *pipeline.Packet) bool {
	if s.mayReply(p) != pipeline.Consumed {
		return false
	}
	s.reply(p, [wire.CookieSize]byte{})
	return true
}

// mayReply takes a reply from the budget. It returns Consumed or the cause of a drop.
func (s *Stage) mayReply(p *pipeline.Packet) pipeline.Verdict {
	if cap(p.Reply) < wire.CookiePacketSize {
		return DropNoRoom
	}
	switch s.budget.Take(p.Now, p.Addr.Addr()) {
	case fair.Empty:
		return DropReplyBudget
	case fair.Share:
		return DropReplyShare
	}
	return pipeline.Consumed
}

func (s *Stage) reply(p *pipeline.Packet, cookie [wire.CookieSize]byte) {
	p.Reply = s.signer.appendChallenge(p.Reply[:0], p.Data, cookie)
	s.sent++
}
