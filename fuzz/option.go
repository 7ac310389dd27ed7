package fuzz

import (
	"slices"

	"github.com/intentra/intentra/pipeline"
)

// Option changes what Stage and Check do. A nil one, and an argument of one that
// cannot be, fail the test, and are an error of Check.
type Option func(*kit)

// At says where in a chain the stage stands. It is needed only where its
// interfaces do not tell; see [Position], which lists all that there are. A
// position in which a chain would refuse the stage fails the test.
func At(p Position) Option {
	return func(k *kit) {
		if p < Datagrams || p > OutPackets {
			k.misuse("At(%d): there is no such position", p)
		}
		k.position = p
	}
}

// Seed adds payloads that the search starts from: whole datagrams, frames or
// messages, as the stage's [Position] has it. Where the stage expects a format
// of the user's own, good seeds are most of the success.
func Seed(payloads ...[]byte) Option {
	return func(k *kit) { k.payloads = append(k.payloads, payloads...) }
}

// AllocFree asserts that the stage allocates nothing for a packet.
func AllocFree() Option { return func(k *kit) { k.allocFree = true } }

// Prepare has f change each packet before the stage sees it, as the stages in
// front of it would: sign it, encrypt it, give it a valid checksum. f may write
// within the packet and set its payload, and must do the same each time it is
// called with the same packet. It keeps nothing, and beside AllocFree allocates
// nothing. A failure of f names Prepare, and not the stage.
func Prepare(f func(p *pipeline.Packet)) Option {
	return func(k *kit) {
		if f == nil {
			k.misuse("Prepare(nil): it needs a function")
		}
		k.prepare = f
	}
}

// Sets allows the stage to set fields of the Packet that stages of its kind leave
// alone: fuzz.Sets("Channel") for one that gives messages another channel. The
// names are those of the fields. Without it a change of Addr or Now fails, and of
// what header parse, the splitter or the sender has set: see [pipeline.Packet].
func Sets(fields ...string) Option {
	return func(k *kit) {
		for _, name := range fields {
			if !slices.Contains(settable, name) {
				k.misuse("Sets(%q): it takes one of %q", name, settable)
			}
		}
		k.sets = append(k.sets, fields...)
	}
}

// Position is a place in a chain, and says what a stage there is given.
type Position int

// The positions, inbound and then outbound.
const (
	// Datagrams come from anyone, and are any bytes. No stage has looked at them:
	// Peer, Session, Epoch and Counter are zero. It is the position of a stage
	// that declares ReadsPlaintext() false.
	Datagrams Position = iota + 1
	// Sealed packets stand between header parse and AEAD open: they name a live
	// epoch, which is a claim. It is the position of a [pipeline.Opener].
	Sealed
	// Opened packets stand between AEAD open and the replay window: Payload is any
	// frames, and counters come again. It is the position of a [pipeline.Guard]
	// that may read plaintext.
	Opened
	// Fresh packets stand behind the replay window, in front of the splitter or in
	// its place. It is the position of a [pipeline.Splitter].
	Fresh
	// Messages stand behind the splitter: any payload on any channel with any
	// intent. It is the position of a stage that declares nothing.
	Messages
	// OutMessages are those that the application sends. It is the position of a
	// [pipeline.Grower] and of a [pipeline.Packer].
	OutMessages
	// OutPackets stand behind the packer: a header and frames, with capacity
	// left for what stages append. It is the position of a [pipeline.Sealer].
	OutPackets
)

// String returns the words that failures use.
func (p Position) String() string {
	switch p {
	case Datagrams:
		return "datagram"
	case Sealed:
		return "sealed packet"
	case Opened:
		return "opened packet"
	case Fresh:
		return "fresh packet"
	case Messages:
		return "message"
	case OutMessages:
		return "outbound message"
	case OutPackets:
		return "outbound packet"
	}
	return "invalid position"
}

func (p Position) inbound() bool { return p <= Messages }

// positionOf returns where a stage with the interfaces of s belongs.
func positionOf(s pipeline.Stage) Position {
	switch s.(type) {
	case pipeline.Packer, pipeline.Grower:
		return OutMessages
	case pipeline.Sealer:
		return OutPackets
	case pipeline.Opener:
		return Sealed
	case pipeline.Splitter:
		return Fresh
	}
	if r, ok := s.(pipeline.PlaintextReader); ok && !r.ReadsPlaintext() {
		return Datagrams
	}
	if _, ok := s.(pipeline.Guard); ok {
		return Opened
	}
	return Messages
}
