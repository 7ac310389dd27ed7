package ack

import (
	"time"

	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

// Config configures a [Stage]. The zero Config works.
type Config struct {
	// Control is called for each control frame (close, path, rekey) of a packet
	// whose frames are all valid. f is valid until it returns.
	Control func(p *pipeline.Packet, f *wire.Frame) `json:"-"`
	// Acked is called with the outcome of each acknowledgement. o is valid until
	// it returns.
	Acked func(p *pipeline.Packet, o *Outcome) `json:"-"`
	// Owed is called when the session owes an acknowledgement at an earlier time
	// than before: after the first packet that is not acknowledged, or one that
	// makes the acknowledgement more urgent. See Deadline.
	Owed func(p *pipeline.Packet, at pipeline.Time) `json:"-"`
	// Clock returns the time now of this side's clock in microseconds, for the peer to
	// compare with its own. It defaults to that of the packets.
	Clock func(now pipeline.Time) uint64 `json:"-"`
	// Room reports whether the reader of the session can take one more
	// Reliable message on the channel of p now.
	Room func(p *pipeline.Packet) bool `json:"-"`
	// Lost is called when n incomplete messages were dropped without a fragment
	// that is dropped with them: the chain is to count them under v.
	Lost func(v pipeline.Verdict, n int) `json:"-"`
	// Assembling is called when a message begins to be incomplete after none was.
	// Then [Stage.Expire] is to be called at the given time.
	Assembling func(at pipeline.Time) `json:"-"`

	// GivenUp is called when the peer has given up a Reliable message of the channel,
	// after the messages before it and before those after it.
	GivenUp func(p *pipeline.Packet, channel uint32) `json:"-"`

	// Delay, LazyDelay, GapDelay, Every, EveryBytes, HeldBytes and HeldBytesTotal default to
	// the constants of those names. [HeldSize] says how much a held message takes.
	Delay, LazyDelay, GapDelay time.Duration
	Every, EveryBytes          int
	HeldBytes, HeldBytesTotal  int

	// MaxMessage, FragmentBytes, FragmentBytesTotal and FragmentMessages default to the
	// constants of those names. A fragment of a message larger than MaxMessage is
	// malformed.
	MaxMessage, FragmentBytes, FragmentBytesTotal, FragmentMessages int
}

func (c Config) withDefaults() Config {
	if c.Control == nil {
		c.Control = func(*pipeline.Packet, *wire.Frame) {}
	}
	if c.Acked == nil {
		c.Acked = func(*pipeline.Packet, *Outcome) {}
	}
	if c.Owed == nil {
		c.Owed = func(*pipeline.Packet, pipeline.Time) {}
	}
	if c.Clock == nil {
		c.Clock = func(now pipeline.Time) uint64 { return uint64(now) / uint64(time.Microsecond) }
	}
	if c.Room == nil {
		c.Room = func(*pipeline.Packet) bool { return true }
	}
	if c.Lost == nil {
		c.Lost = func(pipeline.Verdict, int) {}
	}
	if c.Assembling == nil {
		c.Assembling = func(pipeline.Time) {}
	}
	if c.GivenUp == nil {
		c.GivenUp = func(*pipeline.Packet, uint32) {}
	}
	setDefault(&c.Delay, DefaultDelay)
	setDefault(&c.LazyDelay, max(DefaultLazyDelay, c.Delay))
	setDefault(&c.GapDelay, DefaultGapDelay)
	setDefault(&c.Every, DefaultEvery)
	setDefault(&c.EveryBytes, DefaultEveryBytes)
	setDefault(&c.HeldBytes, DefaultHeldBytes)
	setDefault(&c.HeldBytesTotal, DefaultHeldBytesTotal)
	setDefault(&c.MaxMessage, DefaultMaxMessage)
	setDefault(&c.FragmentBytes, DefaultFragmentBytes)
	setDefault(&c.FragmentBytesTotal, DefaultFragmentBytesTotal)
	setDefault(&c.FragmentMessages, DefaultFragmentMessages)
	return c
}

func setDefault[T int | time.Duration](v *T, d T) {
	if *v <= 0 {
		*v = d
	}
}
