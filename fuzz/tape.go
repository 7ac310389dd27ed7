package fuzz

import "encoding/binary"

// step is one step of an input: kind, two arguments, length of the body (little-endian)
// and body. Any bytes are a valid sequence of steps, so the engine can cut, join and
// change inputs.
type step struct {
	kind, a, b byte
	body       []byte
}

// The kinds of steps.
const (
	stepPacket  = iota // the body as a packet of a live session
	stepRaw            // the body as a datagram from anyone, at Datagrams; else as stepPacket
	stepAgain          // an earlier packet again
	stepFlipped        // an earlier packet with one bit changed
	stepTime           // time passes
	stepNotice         // a peer, session or epoch opens or closes
	stepKinds
)

const (
	stepHeader = 5
	// maxSteps bounds an input, so that long ones do not slow the search down.
	maxSteps = 96
)

func parseSteps(input []byte) (steps []step) {
	for len(input) >= stepHeader && len(steps) < maxSteps {
		n := min(int(binary.LittleEndian.Uint16(input[3:])), len(input)-stepHeader)
		steps = append(steps, step{input[0] % stepKinds, input[1], input[2], input[stepHeader : stepHeader+n]})
		input = input[stepHeader+n:]
	}
	return steps
}

func appendStep(b []byte, s step) []byte {
	b = binary.LittleEndian.AppendUint16(append(b, s.kind, s.a, s.b), uint16(len(s.body)))
	return append(b, s.body...)
}

// The arguments of a packet and of a repeated one: a selects the peer, intent, address,
// epoch and outcome; b the channel, the counter and the room.

func (s step) peer() int     { return int(s.a % peers) }
func (s step) intent() int   { return int(s.a / 3 % 3) }
func (s step) address() int  { return int(s.a / 9 % 4) }
func (s step) epoch() int    { return int(s.a / 36 % 3) }
func (s step) refused() bool { return s.a/108 == 1 }

func (s step) channel() int { return int(s.b % 8) }
func (s step) number() int  { return int(s.b / 8 % 4) }
func (s step) room() int    { return int(s.b / 32) }

// Input returns an input for [Check] with one packet for each payload, all from one
// peer, with the intents in turn.
func Input(payloads ...[]byte) []byte {
	var b []byte
	for i, p := range payloads {
		b = appendStep(b, step{kind: stepPacket, a: byte(i % 3 * 3), body: p[:min(len(p), 1<<16-1)]})
	}
	return b
}
