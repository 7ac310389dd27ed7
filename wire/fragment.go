package wire

import "encoding/binary"

// Constants of the protocol.
const (
	// FragmentUnit divides the offset of every fragment, and the length of every one
	// but the last of its message, in bytes.
	FragmentUnit = 64
	// MaxMessage is the size of the largest Reliable message in fragments, and
	// MaxStateMessage that of the largest Realtime or Latest one, in bytes.
	MaxMessage      = 1 << 20
	MaxStateMessage = 64 << 10

	// fragmentCounters is the number of counters of an epoch.
	fragmentCounters = 1 << 28
)

// Fragment says which part of which message a Fragment frame carries. Channel, Payload
// and, if Of is FrameReliable, Seq and Distance of the Frame belong to it.
type Fragment struct {
	// Of is the frame type that the whole message would have: FrameRealtime,
	// FrameLatest or FrameReliable.
	Of FrameType
	// Epoch, the low byte of an epoch's number, and Counter number the message unless it
	// is Reliable: those of the packet that carried its first fragment first.
	Epoch   uint8
	Counter uint32
	// Size is the length in bytes of the message, Offset that of what precedes the
	// fragment.
	Size, Offset uint32
}

// FragmentOverhead is the maximum length in bytes of a Fragment frame without its
// payload, which is shorter than 16,384 bytes.
const FragmentOverhead = 1 + 1 + 8 + 8 + 2 + 4 + 4 + 2

// FragmentSize returns the length in bytes of a Fragment frame with n bytes of payload.
func FragmentSize(f Fragment, channel uint32, n int) int {
	size := 2 + varintSize(channel) + varintSize(f.Size) + varintSize(f.Offset) + varintSize(uint32(n)) + n
	if f.Of == FrameReliable {
		return size + 8 + 2
	}
	return size + 1 + 4
}

// AppendFragment appends a Fragment frame. seq and distance are for those of a Reliable
// message.
func AppendFragment(b []byte, f Fragment, channel uint32, seq uint64, distance uint16, payload []byte) []byte {
	b = appendVarint(append(b, byte(FrameFragment), byte(f.Of)), channel)
	if f.Of == FrameReliable {
		b = binary.BigEndian.AppendUint64(b, seq)
		b = binary.BigEndian.AppendUint16(b, distance)
	} else {
		b = binary.BigEndian.AppendUint32(append(b, f.Epoch), f.Counter)
	}
	b = appendVarint(appendVarint(b, f.Size), f.Offset)
	b = appendVarint(b, uint32(len(payload)))
	return append(b, payload...)
}

func (f *Frame) parseFragment(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	g := &f.Fragment
	*g = Fragment{Of: FrameType(b[1])}
	if !g.Of.IsMessage() {
		return 0
	}
	channel, n := parseVarint(b[2:])
	at := 2 + n
	if n == 0 {
		return 0
	}
	f.Channel = channel
	if at = f.parseNumber(b, at); at == 0 {
		return 0
	}
	for _, v := range []*uint32{&g.Size, &g.Offset} {
		if *v, n = parseVarint(b[at:]); n == 0 {
			return 0
		}
		at += n
	}
	if at = f.parsePayload(b, at); at == 0 || !g.valid(len(f.Payload)) {
		return 0
	}
	return at
}

// parseNumber decodes what identifies the message of a fragment, at offset at, and
// returns the offset of its end, or zero if it is malformed.
func (f *Frame) parseNumber(b []byte, at int) int {
	if f.Fragment.Of == FrameReliable {
		return f.parseSequence(b, at)
	}
	if len(b) < at+5 {
		return 0
	}
	f.Fragment.Epoch, f.Fragment.Counter = b[at], binary.BigEndian.Uint32(b[at+1:])
	if f.Fragment.Counter >= fragmentCounters {
		return 0
	}
	return at + 5
}

// valid reports whether a fragment of n bytes can be part of its message.
func (g *Fragment) valid(n int) bool {
	limit := uint32(MaxStateMessage)
	if g.Of == FrameReliable {
		limit = MaxMessage
	}
	if g.Size > limit || g.Offset >= g.Size || g.Offset%FragmentUnit != 0 || n == 0 || uint32(n) > g.Size-g.Offset {
		return false
	}
	return n%FragmentUnit == 0 || uint32(n) == g.Size-g.Offset
}
