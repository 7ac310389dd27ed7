package ratelimit

import (
	"errors"
	"fmt"

	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

// What we chose: the limits of a zero [Config], in packets/s, packets, messages/s and
// bytes/s. A peer at the limits of packets and messages takes at most 5.1 % of a core.
const (
	DefaultRate         = 10_000
	DefaultBurst        = 500
	DefaultMessageRate  = 320_000
	DefaultByteRate     = 32 << 20
	DefaultAddressRate  = 2_000
	DefaultAddressBurst = 1_000
	DefaultTableSize    = 4096

	// MaxTableSize limits a table to 16 MiB.
	MaxTableSize = 1 << 20
)

// ErrTableSize is returned when Config.TableSize is not a valid size.
var ErrTableSize = errors.New("ratelimit: invalid table size")

// The stage's drops, in the order of Reasons.
const (
	DropPeerRate = pipeline.DropFirst + iota
	DropAddressRate
	DropMessageRate
	DropByteRate
)

// Config configures a [Stage]. The zero Config works; each zero field means
// its default.
type Config struct {
	// Rate and Burst limit the authenticated packets of each peer, in
	// packets/s and packets.
	Rate, Burst uint32
	// MessageRate limits the messages in them, per second, and ByteRate the bytes of
	// their payloads. Their bursts last as long as that of the packets, but are at least
	// LeastMessageBurst and LeastByteBurst. If Rate is above its default, these defaults
	// are raised in proportion.
	MessageRate, ByteRate uint32
	// AddressRate and AddressBurst limit the packets from each address that name
	// no live epoch, separately for Init packets and for the rest.
	AddressRate, AddressBurst uint32
	// Seed is the key of the hash of addresses: random bytes, different at each
	// start, so that collisions cannot be computed.
	Seed [16]byte `json:"-"`
	// TableSize is the number of buckets in each of the two tables of
	// addresses: a power of two up to [MaxTableSize].
	TableSize int
	// Expected reports whether the chain's owner expects a Response, Final or
	// Cookie packet from exactly p.Addr. Such packets are not charged; the owner
	// bounds their cost. It must neither keep nor change p. If it is nil, no packet
	// is expected.
	Expected func(p *pipeline.Packet, h wire.Header) bool `json:"-"`

	messageBurst, byteBurst uint32
}

// Stage drops packets that exceed the rates. It belongs to its chain's goroutine.
type Stage struct {
	cfg    Config
	peers  pipeline.Slots[allowance]   // by peer: survives sessions and epochs
	epochs pipeline.Slots[pipeline.ID] // epoch to peer
	charge *allowance                  // of the current packet's peer, or nil

	proven *Table // for Init packets, which have passed the cookie stage
	others *Table // for all others, whose addresses may be spoofed
}

var (
	_ pipeline.Stage           = (*Stage)(nil)
	_ pipeline.Settler         = (*Stage)(nil)
	_ pipeline.PlaintextReader = (*Stage)(nil)
	_ pipeline.PeerObserver    = (*Stage)(nil)
	_ pipeline.EpochObserver   = (*Stage)(nil)
	_ pipeline.Warmer          = (*Stage)(nil)
)

// New returns the stage, or an error that wraps [ErrTableSize].
func New(cfg Config) (*Stage, error) {
	cfg = withDefaults(cfg)
	if n := cfg.TableSize; n < 1 || n > MaxTableSize || n&(n-1) != 0 {
		return nil, fmt.Errorf("%w: %d, must be a power of two up to %d", ErrTableSize, n, MaxTableSize)
	}
	return &Stage{
		cfg:    cfg,
		proven: NewTable(cfg.TableSize, cfg.Seed),
		others: NewTable(cfg.TableSize, cfg.Seed),
	}, nil
}

func withDefaults(cfg Config) Config {
	for _, f := range []struct {
		value    *uint32
		standard uint32
	}{
		{&cfg.Rate, DefaultRate},
		{&cfg.Burst, DefaultBurst},
		{&cfg.AddressRate, DefaultAddressRate},
		{&cfg.AddressBurst, DefaultAddressBurst},
	} {
		if *f.value == 0 {
			*f.value = f.standard
		}
	}
	if cfg.MessageRate == 0 {
		cfg.MessageRate = raised(DefaultMessageRate, cfg.Rate)
	}
	if cfg.ByteRate == 0 {
		cfg.ByteRate = raised(DefaultByteRate, cfg.Rate)
	}
	cfg.messageBurst = cfg.burst(cfg.MessageRate, LeastMessageBurst)
	cfg.byteBurst = cfg.burst(cfg.ByteRate, LeastByteBurst)
	if cfg.TableSize == 0 {
		cfg.TableSize = DefaultTableSize
	}
	return cfg
}

// Name returns "ratelimit".
func (s *Stage) Name() string { return "ratelimit" }

// Reasons names the drops.
func (s *Stage) Reasons() []string {
	return []string{"peer_rate", "address_rate", "message_rate", "byte_rate"}
}

// ReadsPlaintext returns false: the stage reads only headers.
func (s *Stage) ReadsPlaintext() bool { return false }

// Process checks the allowance of the packet's peer. If the packet names no live epoch and
// is not expected, it charges the bucket of the packet's address.
func (s *Stage) Process(p *pipeline.Packet) pipeline.Verdict {
	s.charge = nil
	t, receiver, ok := wire.Peek(p.Data)
	if ok && t == wire.TypeData {
		if a := s.peerOf(pipeline.ID(receiver)); a != nil {
			s.charge = a
			return a.ready(p.Now, &s.cfg)
		}
	}
	table := s.others
	if ok && t != wire.TypeData {
		// Malformed packets, which the cookie stage passes and the header stage
		// drops, are charged like garbage.
		switch h, fault := wire.ParseHeader(p.Data); {
		case fault != wire.FaultNone:
		case t == wire.TypeInit:
			table = s.proven
		case s.cfg.Expected != nil && s.cfg.Expected(p, h):
			return pipeline.Accept
		}
	}
	if !table.Bucket(p.Addr.Addr()).Take(p.Now, s.cfg.AddressRate, s.cfg.AddressBurst) {
		return DropAddressRate
	}
	return pipeline.Accept
}

// peerOf returns the allowance of a live epoch's peer, or nil.
func (s *Stage) peerOf(epoch pipeline.ID) *allowance {
	if peer := s.epochs.Get(epoch); peer != nil {
		return s.peers.Get(*peer)
	}
	return nil
}

// Settle charges the packet's peer if the packet was authenticated and not a replay.
// The chain calls it.
func (s *Stage) Settle(p *pipeline.Packet, _ pipeline.Verdict) {
	if p.Fresh() && s.charge != nil {
		s.charge.charge(p.Now, p.Messages, p.MessageBytes)
	}
}

// PeerOpened gives the peer a full allowance. The chain calls it.
func (s *Stage) PeerOpened(n pipeline.PeerNotice) { s.peers.Open(n.Peer) }

// PeerClosed deletes the peer's allowance. The chain calls it.
func (s *Stage) PeerClosed(n pipeline.PeerNotice) { s.peers.Close(n.Peer) }

// EpochOpened records the peer of the epoch. The chain calls it.
func (s *Stage) EpochOpened(n pipeline.EpochNotice) { *s.epochs.Open(n.Epoch) = n.Peer }

// EpochClosed deletes the epoch. The chain calls it.
func (s *Stage) EpochClosed(n pipeline.EpochNotice) { s.epochs.Close(n.Epoch) }

// Warm reads the allowance of the epoch's peer. The chain calls it.
func (s *Stage) Warm(_, epoch pipeline.ID, _ uint64) uint64 {
	if a := s.peerOf(epoch); a != nil {
		if a.volume != nil {
			return a.packets.missing + a.volume.messages.missing
		}
		return a.packets.missing
	}
	return 0
}
