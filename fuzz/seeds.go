package fuzz

import (
	"slices"

	"github.com/intentra/intentra/fuzz/internal/recorded"
	"github.com/intentra/intentra/wire"
)

// seedPackets is the number of recorded packets in a seed. The engine shortens short
// inputs much faster than long ones.
const seedPackets = 12

// seeds returns the inputs from which the search starts.
func (k *kit) seeds() (inputs [][]byte) {
	for _, p := range k.payloads {
		inputs = append(inputs, Input(p))
	}
	var all []step
	for _, p := range k.payloads {
		all = append(all, step{kind: stepPacket, body: p})
	}
	for _, b := range recordedAt(k.position) {
		all = append(all, seedStep(k.position, b))
	}
	for part := range slices.Chunk(all, seedPackets) {
		inputs = append(inputs, exchange(part), disturbed(part))
	}
	return append(inputs, Input(nil), nil)
}

// recordedAt returns the part of the recording for a position.
func recordedAt(position Position) [][]byte {
	r := recorded.Read()
	switch position {
	case Datagrams, Sealed:
		return r.Datagrams
	case Messages, OutMessages:
		return r.Messages
	}
	return r.Frames
}

// seedStep returns the step for a recorded packet. Sealed packets get the header of a
// session that is live in the kit, so that they pass header parse.
func seedStep(position Position, b []byte) step {
	if position != Datagrams && position != Sealed {
		return step{kind: stepPacket, body: b}
	}
	if t, _, ok := wire.Peek(b); position == Sealed || ok && t == wire.TypeData {
		return step{kind: stepPacket, body: b[min(len(b), wire.HeaderSize):]}
	}
	return step{kind: stepRaw, body: b}
}

// exchange returns an input of the packets in order, from two peers in turn.
func exchange(packets []step) (b []byte) {
	for i, s := range packets {
		s.a, s.b = byte(i%2+i/2%3*3), byte(i/5%8)
		b = appendStep(appendStep(b, s), step{kind: stepTime, a: 4, b: 10})
	}
	return b
}

// disturbed returns an input of the same packets with repetitions, changed bits, notices
// and pauses.
func disturbed(packets []step) (b []byte) {
	for i, s := range packets {
		s.a, s.b = byte(i*37), ^byte(i*59)
		b = appendStep(b, s)
		switch i % 5 {
		case 0:
			b = appendStep(b, step{kind: stepAgain, a: byte(i), b: byte(i)})
		case 1:
			b = appendStep(b, step{kind: stepFlipped, a: byte(i * 11), b: byte(i)})
		case 2:
			b = appendStep(b, step{kind: stepNotice, a: byte(i), b: byte(i / 5)})
		case 3:
			b = appendStep(b, step{kind: stepTime, a: byte(i), b: byte(i * 3)})
		case 4:
			b = appendStep(b, step{kind: stepAgain, b: byte(i / 2)})
		}
	}
	return b
}
