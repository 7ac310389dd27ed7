package fuzz

import (
	"slices"

	"github.com/intentra/intentra/pipeline"
)

// Option changes what Stage and Check do. A nil option or an invalid argument fails the
// test, and is an error of Check.
type Option func(*kit)

// At sets the stage's position in a chain. It is needed only if the stage's interfaces
// do not determine it; see [Position]. A position in which a chain would refuse the
// stage fails the test.
func At(p Position) Option {
	return func(k *kit) {
		if p < Datagrams || p > OutPackets {
			k.misuse("At(%d): there is no such position", p)
		}
		k.position = p
	}
}

// Seed adds payloads from which the search starts: whole datagrams, frames or messages,
// depending on the stage's [Position]. If the stage expects a format of its own, the
// search depends on good seeds.
func Seed(payloads ...[]byte) Option {
	return func(k *kit) { k.payloads = append(k.payloads, payloads...) }
}

// AllocFree checks that the stage allocates nothing for a packet. A failure lists the
// calls that lead to the allocation.
func AllocFree() Option { return func(k *kit) { k.allocFree = true } }

// Prepare calls f with each packet before the stage sees it, to sign it, encrypt it or
// add a valid checksum, as a sender or an earlier stage would. f may write within the
// packet and set its payload, and must do the same each time that it is called with the
// same packet. It must not keep the packet's memory, and with AllocFree it must not
// allocate. A failure of f names Prepare and not the stage.
func Prepare(f func(p *pipeline.Packet)) Option {
	return func(k *kit) {
		if f == nil {
			k.misuse("Prepare(nil): it needs a function")
		}
		k.prepare = f
	}
}

// Sets allows the stage to set fields of the Packet that stages of its kind must not
// set: fuzz.Sets("Channel") for one that moves messages to another channel. The names
// are those of the fields of [pipeline.Packet]. Now is not among them.
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

// Position is a place in a chain. It determines what a stage there is given.
type Position int

// The positions, inbound and then outbound.
const (
	// Datagrams is the start of the inbound chain: any bytes from anyone, with Peer,
	// Session, Epoch and Counter zero. It is the position of a stage whose
	// ReadsPlaintext returns false.
	Datagrams Position = iota + 1
	// Sealed is between header parse and AEAD open: packets claim to belong to a live
	// epoch. It is the position of a [pipeline.Opener].
	Sealed
	// Opened is between AEAD open and the replay window: Payload is any frames, and
	// counters repeat. It is the position of a [pipeline.Guard] that may read
	// plaintext.
	Opened
	// Fresh is after the replay window: before the splitter or in its place. It is the
	// position of a [pipeline.Splitter].
	Fresh
	// Messages is after the splitter: any payload on any channel with any intent. It is
	// the position of a stage without optional interfaces that determine another one.
	Messages
	// OutMessages is before or in place of the packer: messages that the application
	// sends. It is the position of a [pipeline.Grower] and of a [pipeline.Packer].
	OutMessages
	// OutPackets is after the packer: packets of a header and frames, with capacity for
	// what stages append. It is the position of a [pipeline.Sealer].
	OutPackets
)

// String returns the name of one packet or message there, as failures use it.
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

// positionOf returns the position of a stage with the interfaces of s.
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
