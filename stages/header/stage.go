package header

import (
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

// The stage's drops, in the order of Reasons. The first five are the faults of
// package wire, in their order.
const (
	DropShort = pipeline.DropFirst + iota
	DropVersion
	DropType
	DropReserved
	DropLength
	DropUnknownIndex
	DropHandshake
)

// Config configures a [Stage]. The zero Config works, for chains that see no
// handshakes.
type Config struct {
	// Handshake, if set, is called with each well-formed handshake packet and its
	// header, on the chain's goroutine. It returns pipeline.Consumed if it has
	// taken the packet; any other verdict is a drop with the reason handshake. It
	// must not keep p or p.Data.
	Handshake func(p *pipeline.Packet, h wire.Header) pipeline.Verdict `json:"-"`
}

// Stage parses headers and looks up epochs. It belongs to its chain's
// goroutine.
type Stage struct {
	handshake func(*pipeline.Packet, wire.Header) pipeline.Verdict
	epochs    table
}

var (
	_ pipeline.Stage           = (*Stage)(nil)
	_ pipeline.PlaintextReader = (*Stage)(nil)
	_ pipeline.EpochObserver   = (*Stage)(nil)
	_ pipeline.Guard           = (*Stage)(nil)
	_ pipeline.Warmer          = (*Stage)(nil)
)

// New returns the stage.
func New(cfg Config) *Stage { return &Stage{handshake: cfg.Handshake} }

// Name returns "header".
func (s *Stage) Name() string { return "header" }

// Reasons names the drops.
func (s *Stage) Reasons() []string { return append(wire.FaultNames(), "unknown_index", "handshake") }

// ReadsPlaintext returns false: the header is never encrypted.
func (s *Stage) ReadsPlaintext() bool { return false }

// Guards names what the stage guards against.
func (s *Stage) Guards() string { return "unknown sessions" }

// Process accepts Data packets of live epochs and fills in peer, session, epoch and
// counter. It passes handshake packets to Config.Handshake.
func (s *Stage) Process(p *pipeline.Packet) pipeline.Verdict {
	h, fault := wire.ParseHeader(p.Data)
	switch {
	case fault != wire.FaultNone:
		return DropShort + pipeline.Verdict(fault-wire.FaultShort)
	case h.Type != wire.TypeData:
		return s.handOver(p, h)
	case !s.epochs.stamp(p, h):
		return DropUnknownIndex
	}
	return pipeline.Accept
}

// handOver calls Config.Handshake. It never returns Accept, so that no handshake packet
// reaches AEAD open.
func (s *Stage) handOver(p *pipeline.Packet, h wire.Header) pipeline.Verdict {
	if s.handshake != nil && s.handshake(p, h) == pipeline.Consumed {
		return pipeline.Consumed
	}
	return DropHandshake
}

// EpochOpened adds the epoch. The chain calls it.
func (s *Stage) EpochOpened(n pipeline.EpochNotice) { s.epochs.open(n) }

// EpochClosed deletes the epoch. The chain calls it.
func (s *Stage) EpochClosed(n pipeline.EpochNotice) { s.epochs.close(n.Epoch) }

// Warm reads the epoch's entry. The chain calls it.
func (s *Stage) Warm(_, epoch pipeline.ID, _ uint64) uint64 {
	if e := s.epochs.slots.Get(epoch); e != nil {
		return uint64(e.seq)
	}
	return 0
}
