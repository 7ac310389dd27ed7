package replay

import (
	"errors"
	"fmt"

	"github.com/intentra/intentra/pipeline"
)

// ErrBits is returned when Config.Bits is not a valid window size.
var ErrBits = errors.New("replay: invalid window size")

// The stage's drops, in the order of Reasons.
const (
	DropReplayed = pipeline.DropFirst + iota
	DropTooOld
	DropUnopened
	DropUnknownEpoch
	DropTooHigh
)

// Config configures a [Stage]. The zero Config works.
type Config struct {
	// Bits is how far the window of each epoch reaches below its highest
	// counter: a power of two from [MinBits] to [MaxBits]; zero means
	// [DefaultBits].
	Bits int
}

// Stage drops packets whose counter was accepted before in their epoch. It belongs to
// its chain's goroutine.
//
// It reads no plaintext, but does not declare so: then Build refuses it before AEAD
// open, where it would drop everything.
type Stage struct {
	bits    int
	windows pipeline.Slots[Window]
}

var (
	_ pipeline.Stage         = (*Stage)(nil)
	_ pipeline.EpochObserver = (*Stage)(nil)
	_ pipeline.Guard         = (*Stage)(nil)
	_ pipeline.Warmer        = (*Stage)(nil)
)

// New returns the stage, or an error that wraps [ErrBits].
func New(cfg Config) (*Stage, error) {
	if cfg.Bits == 0 {
		cfg.Bits = DefaultBits
	}
	if !validBits(cfg.Bits) {
		return nil, fmt.Errorf("%w: %d bits, must be a power of two from %d to %d", ErrBits, cfg.Bits, MinBits, MaxBits)
	}
	return &Stage{bits: cfg.Bits}, nil
}

// Name returns "replay".
func (s *Stage) Name() string { return "replay" }

// Reasons names the drops.
func (s *Stage) Reasons() []string {
	return []string{"replayed", "too_old", "unopened", "unknown_epoch", "too_high"}
}

// Guards names what the stage guards against.
func (s *Stage) Guards() string { return "replayed packets" }

// Process accepts a packet whose counter is new in its epoch, and marks it
// fresh.
func (s *Stage) Process(p *pipeline.Packet) pipeline.Verdict {
	if !p.Opened() {
		return DropUnopened
	}
	w := s.windows.Get(p.Epoch)
	switch {
	case w == nil:
		return DropUnknownEpoch
	case p.Counter >= Limit:
		return DropTooHigh
	}
	switch w.Accept(p.Counter) {
	case Accepted:
		p.MarkFresh()
		return pipeline.Accept
	case TooOld:
		return DropTooOld
	}
	return DropReplayed
}

// EpochOpened creates an empty window for the epoch. The chain calls it.
func (s *Stage) EpochOpened(n pipeline.EpochNotice) { *s.windows.Open(n.Epoch) = NewWindow(s.bits) }

// EpochClosed deletes the epoch's window. The chain calls it.
func (s *Stage) EpochClosed(n pipeline.EpochNotice) { s.windows.Close(n.Epoch) }

// Warm reads the word of the epoch's window that contains counter. The chain calls
// it.
func (s *Stage) Warm(_, epoch pipeline.ID, counter uint64) uint64 {
	if w := s.windows.Get(epoch); w != nil && len(w.ring) > 0 {
		return w.ring[counter/wordBits%uint64(len(w.ring))]
	}
	return 0
}
