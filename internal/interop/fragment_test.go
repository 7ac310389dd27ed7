package interop_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

// fragmented is a message in fragments, as sections 5.5 and 5.6 of PROTOCOL.md describe them.
type fragmented struct {
	intent  byte
	channel uint32
	payload []byte

	epoch    byte // Realtime and Latest: the packet in which it began
	counter  uint32
	sequence uint64 // Reliable: of its first fragment
}

// fragment returns the Fragment frame of the bytes from an offset to another one, which
// is fragment i of a Reliable message.
func (m fragmented) fragment(i, from, to int) []byte {
	b := append([]byte{10, m.intent}, varint(m.channel)...)
	if m.intent == 3 {
		b = binary.BigEndian.AppendUint64(b, m.sequence+uint64(i))
		b = binary.BigEndian.AppendUint16(b, uint16(min(i, 1)))
	} else {
		b = binary.BigEndian.AppendUint32(append(b, m.epoch), m.counter)
	}
	return join(b, varint(uint32(len(m.payload))), varint(uint32(from)), varint(uint32(to-from)), m.payload[from:to])
}

// unfragment decodes a Fragment frame.
func unfragment(b []byte) (m fragmented, from int, part []byte, ok bool) {
	r := &reader{b: b, ok: true}
	r.must(r.take(1)[0] == 10)
	m.intent = r.take(1)[0]
	m.channel = r.varint()
	if m.intent == 3 {
		m.sequence = binary.BigEndian.Uint64(r.take(8))
		r.take(2)
	} else {
		m.epoch, m.counter = r.take(1)[0], binary.BigEndian.Uint32(r.take(4))
	}
	size := r.varint()
	from = int(r.varint())
	part = r.take(r.varint())
	r.must(len(r.b) == 0 && size <= 1<<20)
	m.payload = make([]byte, size&(1<<20-1))
	return m, from, part, r.ok
}

// Our frames are those of the document.
func TestFragmentFrames(t *testing.T) {
	payload := bytes.Repeat([]byte("fragment"), 1000)
	for intent := byte(1); intent <= 3; intent++ {
		m := fragmented{intent: intent, channel: 70_000, payload: payload, epoch: 9, counter: 1<<28 - 1, sequence: 1 << 40}
		for i, at := range []int{0, 1088, 7616} {
			to := min(at+1088, len(payload))
			g := wire.Fragment{Of: wire.FrameType(intent), Size: uint32(len(payload)), Offset: uint32(at)}
			if intent != 3 {
				g.Epoch, g.Counter = m.epoch, m.counter
			}
			b := wire.AppendFragment(nil, g, m.channel, m.sequence+uint64(i), uint16(min(i, 1)), payload[at:to])
			require.Equal(t, m.fragment(i, at, to), b)
			got, from, part, ok := unfragment(b)
			require.True(t, ok)
			require.Equal(t, at, from)
			require.Equal(t, payload[at:to], part)
			require.Equal(t, m.channel, got.channel)
		}
	}
}

// A client that knows the document alone sends messages in fragments of any division, and our
// chain delivers them whole, Latest ones in the order of the packets in which they began.
func TestFragmentsOfAClient(t *testing.T) {
	for _, suite := range []byte{1, 2} {
		s := newSession(t, suite)
		s.acks.SetCapabilities(sessionID, 1) // bit 0: Fragment
		c := s.talker[0]
		tell := func(frames ...[]byte) {
			s.p.Reset(c.seal(frames...), somewhere, s.now)
			require.Equal(t, pipeline.Accept, s.in.Process(&s.p))
		}
		said := func() (all []string) {
			for _, f := range s.heard.messages {
				all = append(all, fmt.Sprint(f.kind, " ", f.channel, " ", string(f.payload)))
			}
			s.heard = heard{}
			return all
		}
		text := bytes.Repeat([]byte("0123456789abcdef"), 20) // 320 bytes
		whole := func(m fragmented) string { return fmt.Sprint(m.intent, " ", m.channel, " ", string(m.payload)) }

		realtime := fragmented{intent: 1, channel: 5, payload: text[:300], counter: uint32(c.next)}
		tell(realtime.fragment(0, 256, 300), realtime.fragment(0, 0, 64))
		require.Empty(t, said())
		tell(realtime.fragment(0, 64, 256))
		require.Equal(t, []string{whole(realtime)}, said())

		old := fragmented{intent: 2, channel: 5, payload: text[:100], counter: uint32(c.next)}
		tell(old.fragment(0, 0, 64), message(2, 6, "another channel"))
		newer := fragmented{intent: 2, channel: 5, payload: text, counter: uint32(c.next)}
		tell(newer.fragment(0, 0, 320))
		tell(old.fragment(0, 64, 100))
		tell(newer.fragment(0, 64, 128))
		require.Equal(t, []string{"2 6 another channel", whole(newer)}, said(), "the old one is superseded, and the newer one delivered once")

		ordered := fragmented{intent: 3, channel: 5, payload: text}
		tell(ordered.fragment(2, 128, 320), reliable(5, 3, 1, "after"))
		tell(ordered.fragment(0, 0, 64))
		require.Empty(t, said())
		tell(ordered.fragment(1, 64, 128))
		require.Equal(t, []string{whole(ordered), "3 5 after"}, said())
	}
}
