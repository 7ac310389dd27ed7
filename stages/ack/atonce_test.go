package ack

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

var atOnce = map[string][]byte{
	"AckNow": wire.AppendAckNow(realtime(1, "state")), "Probe": wire.AppendProbe(nil, 1000),
}

// A packet that asks for an acknowledgement gets it in the same turn, with data or
// without. Requests that follow each other faster than atOnceInterval share one.
func TestAcknowledgedAtOnce(t *testing.T) {
	for name, request := range atOnce {
		var told []pipeline.Time
		r := newRig(t, Config{Owed: func(_ *pipeline.Packet, at pipeline.Time) { told = append(told, at) }})
		r.stage.SetCapabilities(sessionA, wire.Supported)
		r.now = 1000 * millisecond
		r.receive(sessionA, 0, 0, realtime(1, "state"))
		r.now += 2 * millisecond
		require.Equal(t, pipeline.Accept, r.receive(sessionA, 0, 1, request), name)
		require.Len(t, told, 2, name)
		require.LessOrEqual(t, told[1], r.now, name)
		at, ok := r.stage.Deadline(sessionA)
		require.True(t, ok && at <= r.now, name)
		require.Len(t, r.send(sessionA, 100, roomForAll), 1, "%s: on a packet with data", name)

		sent := 0
		for counter := range uint64(100) { // ten in a millisecond
			r.now += millisecond / 10
			r.receive(sessionA, 0, 2+counter, request)
			if at, ok := r.stage.Deadline(sessionA); ok && at <= r.now {
				sent += len(r.send(sessionA, 0, roomForAll))
			}
		}
		require.Equal(t, 10, sent, name)
		r.now += 10 * millisecond
		r.send(sessionA, 0, roomForAll)
		r.receive(sessionA, 0, 200, realtime(1, "state"))
		at, _ = r.stage.Deadline(sessionA)
		require.Equal(t, r.now+pipeline.Time(DefaultLazyDelay), at, "%s: the request holds for one acknowledgement", name)
		require.Empty(t, r.control, name)
	}
}

// Frames of a capability that the session does not have are unknown frames.
func TestCapabilitiesAreNeeded(t *testing.T) {
	for _, have := range []wire.Capabilities{0, wire.CapAckNow, wire.CapProbe, wire.Supported} {
		r := newRig(t, Config{})
		r.open(sessionB, 0)
		r.stage.SetCapabilities(sessionA, have)
		for frame, needs := range map[wire.FrameType]wire.Capabilities{
			wire.FrameAckNow: wire.CapAckNow, wire.FrameProbe: wire.CapProbe, wire.FrameOrigin: wire.CapOrigin,
		} {
			b := []byte{byte(frame)}
			switch frame {
			case wire.FrameProbe:
				b = wire.AppendProbe(nil, 0)
			case wire.FrameOrigin:
				b = append(wire.AppendOrigin(nil, 1, 0), realtime(1, "")...)
			}
			counter := uint64(frame)
			require.Equal(t, have&needs != 0, r.receive(sessionA, 0, counter, b) == pipeline.Accept, "%d with %b", frame, have)
			require.Equal(t, have&needs == 0, r.p.Struck())
			require.Equal(t, DropMalformed, r.receive(sessionB, 0, counter, frames(ping, b)), "another session has none")
		}
	}
}
