package ack

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/wire"
)

// The stage counts what a packet contains: messages and the bytes of their payloads,
// and frames of other types beyond the first eight, which cost as much.
func TestContentsOfAPacket(t *testing.T) {
	r := newRig(t, Config{})
	state := wire.AppendMessage(nil, wire.FrameLatest, 3, make([]byte, 30))
	reliable := wire.AppendReliable(nil, 1, 0, 0, make([]byte, 12))
	pings := func(n int) []byte { return bytes.Repeat(wire.AppendPing(nil), n) }
	for i, c := range []struct {
		frames          []byte
		messages, bytes int
	}{
		{pings(1), 0, 0},
		{state, 1, 30},
		{append(bytes.Repeat(state, 5), reliable...), 6, 162},
		{append(pings(freeFrames), state...), 1, 30},
		{append(pings(freeFrames+3), state...), 4, 30},
		{wire.AppendPadding(bytes.Clone(state), 100), 1, 30},
		{append(bytes.Clone(state), 0x1f), 1, 30}, // malformed after the first message
	} {
		r.receive(sessionA, 0, uint64(i), c.frames)
		require.EqualValues(t, c.messages, r.p.Messages, "packet %d", i)
		require.EqualValues(t, c.bytes, r.p.MessageBytes, "packet %d", i)
	}
}
