package interop_test

import (
	"context"
	"encoding/binary"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
)

// Bits of the capabilities that this test announces: GivenUp, AckNow, Origin and AckTime.
const timeCapabilities = 1<<1 | 1<<2 | 1<<4 | 1<<5

// timed is the time of the client's clock, which starts anywhere, in 8 bytes.
func timed(kind byte, start time.Time) []byte {
	const began = 987_654_321 // microseconds
	return binary.BigEndian.AppendUint64([]byte{kind}, began+uint64(time.Since(start).Microseconds()))
}

func givenUp(channel uint32, seq uint64, distance uint16) []byte {
	b := binary.BigEndian.AppendUint64(append([]byte{11}, varint(channel)...), seq)
	return binary.BigEndian.AppendUint16(b, distance)
}

// A client that knows the document alone gives messages up, stamps others and tells the
// time, and understands when the transport does the same.
func TestTimesOfAClient(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	events, gone := make(chan intentra.PeerEvent, 16), make(chan uint32, 16)
	tr, err := intentra.Listen("127.0.0.1:0", intentra.Config{
		Key: must(intentra.GenerateKey()), Authorize: intentra.AllowAny,
		OnPeer:    func(e intentra.PeerEvent) { events <- e },
		OnGivenUp: func(_ *intentra.Peer, channel uint32) { gone <- channel },
	})
	require.NoError(t, err)
	defer func() { require.NoError(t, tr.Close()) }()
	l, start := newLink(t, 1, tr.LocalAddr()), time.Now()
	l.c.hello[3] = timeCapabilities
	l.handshake()
	p := next(ctx, t, events).Peer

	l.write(l.c.seal(givenUp(7, 0, 0), reliable(7, 1, 1, "after")))
	r, err := tr.Receive(ctx)
	require.NoError(t, err)
	require.Equal(t, "after", string(r.Payload))
	require.Equal(t, uint32(7), <-gone)

	for !r.Stamp {
		// The transport asks for the time, because the message has a stamp.
		origin := append(timed(14, start), varint(3)...)
		l.until(func() { l.write(l.c.seal(join(origin, message(1, 5, "stamped")))) }, func(f frame) bool { return f.kind == 12 })
		l.write(l.c.seal(join(l.ack(), timed(15, start)), join(origin, message(1, 5, "stamped"))))
		r, err = tr.Receive(ctx)
		require.NoError(t, err)
	}
	require.GreaterOrEqual(t, r.Age, -r.Within)
	require.Less(t, r.Age-r.Within, time.Since(start))

	require.NoError(t, p.Send(intentra.Message{Channel: 9, Intent: intentra.Reliable, Stamp: true, Within: 5 * time.Microsecond}).Err)
	origin := l.until(nil, func(f frame) bool { return f.kind == 14 })
	require.NotZero(t, origin.number)
	require.Equal(t, uint32(5), origin.within)
	require.NoError(t, p.Send(intentra.Message{Channel: 10, Intent: intentra.Reliable, TTL: -1}).Err)
	require.Equal(t, uint32(10), l.until(nil, func(f frame) bool { return f.kind == 11 }).channel)
	answer := l.until(func() { l.write(l.c.seal([]byte{12})) }, func(f frame) bool { return f.kind == 15 })
	require.GreaterOrEqual(t, answer.number, origin.number, "the same clock")
	require.Zero(t, tr.Stats().Strikes)
}
