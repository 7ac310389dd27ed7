package ack

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

// An Origin belongs to the message after it, and to no other, also if that is held until
// another one has come.
func TestOriginOfAMessage(t *testing.T) {
	r := newRig(t, Config{})
	r.stage.SetCapabilities(sessionA, wire.Supported)
	origin := func(time uint64) []byte { return wire.AppendOrigin(nil, time, 7) }
	r.receive(sessionA, 0, 0, frames(realtime(1, "a"), origin(5), realtime(1, "b"), realtime(1, "c")))
	require.Equal(t, []uint64{0, 5, 0}, r.origins)
	r.origins = nil
	r.receive(sessionA, 0, 1, frames(origin(8), reliable(1, 1, 1, "second"), reliable(2, 2, 0, "other")))
	r.receive(sessionA, 0, 2, reliable(1, 0, 0, "first"))
	require.Equal(t, []uint64{0, 0, 8}, r.origins)
	r.take()
	r.receive(sessionA, 0, 3, realtime(1, "d"))
	require.Zero(t, r.origins[len(r.origins)-1])
}

// Times in other places are malformed.
func TestMisplacedTimes(t *testing.T) {
	origin, at := wire.AppendOrigin(nil, 5, 0), wire.AppendAckTime(nil, 5)
	for name, b := range map[string][]byte{
		"origin at the end":       frames(realtime(1, "a"), origin),
		"origin alone":            origin,
		"two origins":             frames(origin, origin, realtime(1, "a")),
		"origin of a ping":        frames(origin, ping),
		"origin of padding":       frames(origin, make([]byte, 3)),
		"time alone":              at,
		"time after a message":    frames(realtime(1, "a"), at),
		"two times":               frames(ack(0, 0, 0), at, at),
		"time apart from its ACK": frames(ack(0, 0, 0), ping, at),
		"origin between both":     frames(ack(0, 0, 0), origin, at),
	} {
		r := newRig(t, Config{})
		r.stage.SetCapabilities(sessionA, wire.Supported)
		r.sent(sessionA, 0, 1)
		require.Equal(t, DropMalformed, r.receive(sessionA, 0, 0, b), name)
		require.True(t, r.p.Struck(), name)
		require.Empty(t, r.outcomes, name)
	}
}

// An acknowledgement that was asked for says when the packet arrived, others do not, and
// its receiver learns that with the sample.
func TestTimeOfAnAcknowledgement(t *testing.T) {
	r := newRig(t, Config{Clock: func(now pipeline.Time) uint64 { return uint64(now)/1000 + 1_000_000 }})
	r.stage.SetCapabilities(sessionA, wire.Supported)
	r.now = 500 * millisecond
	timeIn := func(capacity int) (time uint64, ok bool) {
		r.out.Reset(make([]byte, wire.HeaderSize, capacity), r.out.Addr, r.now)
		r.out.Session = sessionA
		r.attach.Process(&r.out)
		var f wire.Frame
		b := r.out.Data[wire.HeaderSize:]
		require.NotEmpty(t, b)
		return wire.PeekAckTime(b[f.Parse(b):])
	}
	r.receive(sessionA, 0, 0, wire.AppendAckNow(nil))
	r.now += 3 * millisecond
	time, ok := timeIn(roomForAll)
	require.True(t, ok)
	require.EqualValues(t, 1_500_000, time)
	r.receive(sessionA, 0, 1, ping)
	r.now += 100 * millisecond
	_, ok = timeIn(roomForAll)
	require.False(t, ok)
	r.receive(sessionA, 0, 2, wire.AppendAckNow(nil))
	r.now += 3 * millisecond
	_, ok = timeIn(wire.HeaderSize + 21 + 1 + wire.TagSize)
	require.False(t, ok, "without room")

	r.sent(sessionA, 0, 2)
	r.receive(sessionA, 0, 3, frames(ack(0, 0, 0), wire.AppendAckTime(nil, 77)))
	r.receive(sessionA, 0, 4, ack(0, 1, 0))
	require.Len(t, r.outcomes, 2)
	require.True(t, r.outcomes[0].HasPeerTime && r.outcomes[0].HasSample)
	require.EqualValues(t, 77, r.outcomes[0].PeerTime)
	require.False(t, r.outcomes[1].HasPeerTime)
}
