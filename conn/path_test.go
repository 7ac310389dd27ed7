package conn_test

import (
	"bytes"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/sim"
	"github.com/intentra/intentra/wire"
)

// The proof of the new path is lost several times. The dialer still receives from
// the responder, so it does not dial again, and repeats the challenge.
func TestRoamingOverALossyPath(t *testing.T) {
	w := newWorld(t, 7)
	a, b := w.pair()
	w.run(time.Second)
	b.rebind(otherAddr(203, 1))
	asked := 0
	w.tap = func(_, to netip.AddrPort, _ []byte) bool {
		if to == b.Addr() {
			asked++
		}
		return to != b.Addr() || asked > 5
	}
	for i := range 1000 {
		b.push(a, 1, pipeline.Realtime, number(i, 4))
		w.run(10 * time.Millisecond)
	}
	require.Equal(t, b.Addr(), a.peer(b).Addr())
	require.Equal(t, 1, a.count(conn.PeerUp))
	require.Zero(t, a.count(conn.PeerDown))

	// If a victim's address is claimed for long, it is sent challenges at growing
	// intervals.
	victim := otherAddr(203, 2)
	asked = 0
	w.tap = func(from, to netip.AddrPort, data []byte) bool {
		switch {
		case from == b.Addr():
			w.Inject(victim, to, data, time.Millisecond)
			return false
		case to == victim:
			asked++
		}
		return true
	}
	for i := range 1000 {
		b.push(a, 1, pipeline.Realtime, number(i, 4))
		w.run(10 * time.Millisecond)
	}
	require.Equal(t, 6, asked) // after 0, 0.25, 0.75, 1.75, 3.75 and 7.75 s
}

// A peer whose packets come from ever other addresses draws four challenges at once
// and four per second, however many packets and addresses there are.
func TestAlternatingAddressesDrawFewChallenges(t *testing.T) {
	w := newWorld(t, 7)
	a, b := w.pair()
	w.run(time.Second)
	asked := 0
	w.tap = func(from, to netip.AddrPort, data []byte) bool {
		switch {
		case from == b.Addr():
			w.Inject(otherAddr(203, data[15]), to, data, time.Millisecond)
			return false
		case to != b.Addr():
			asked++
		}
		return to == b.Addr()
	}
	const seconds = 10
	for i := range 100 * seconds {
		b.push(a, 1, pipeline.Realtime, number(i, 4))
		w.run(10 * time.Millisecond)
	}
	require.Positive(t, asked)
	require.LessOrEqual(t, asked, 4+4*seconds)
	require.Len(t, a.got, 100*seconds, "messages are delivered wherever they come from")
}

// Genuine packets that an observer forwards from another address, and that arrive
// before the originals, do not move the peer.
func TestForwardedPacketsDoNotMoveThePath(t *testing.T) {
	w := newWorld(t, 3)
	a, b := w.pair()
	observer := otherAddr(203, 66)
	atObserver := 0
	w.tap = func(from, to netip.AddrPort, data []byte) bool {
		if to == observer {
			atObserver += len(data)
		}
		if from == a.Addr() && wire.PacketType(data[0]&15) == wire.TypeData {
			w.Inject(observer, to, data, 0)
		}
		return true
	}
	moved := 0
	for i := range 300 {
		a.push(b, 1, pipeline.Realtime, number(i, 4))
		w.run(10 * time.Millisecond)
		if b.peer(a).Addr() != a.Addr() {
			moved++
		}
	}
	require.Zero(t, moved)
	require.Equal(t, 300, len(b.got))
	require.Zero(t, b.Stats().Roams)
	require.NotZero(t, atObserver, "bytes of challenges to the observer")
	w.tap = nil
	a.push(b, 1, pipeline.Realtime, "last")
	w.run(time.Second)
	require.False(t, b.session(a).HasPath())
	w.checkAll()
}

// A packet that arrives late from another address moves nothing and causes no
// challenge.
func TestOldPacketsDoNotMoveThePath(t *testing.T) {
	w := newWorld(t, 6)
	a, b := w.pair()
	w.run(time.Second)
	var held sim.Datagram
	w.tap = func(from, to netip.AddrPort, data []byte) bool {
		held = sim.Datagram{From: from, To: to, Data: bytes.Clone(data)}
		return false
	}
	a.push(b, 1, pipeline.Realtime, "old")
	w.tap = nil
	a.push(b, 1, pipeline.Realtime, "new")
	w.run(time.Second)
	w.Inject(otherAddr(203, 66), held.To, held.Data, 0)
	w.run(time.Millisecond)
	require.Len(t, b.got, 2)
	require.False(t, b.session(a).HasPath())
}

// An observer that also relays the proof gets the path, and the peer regains it
// with its next packet.
func TestPeerWinsItsPathBack(t *testing.T) {
	w := newWorld(t, 4)
	a, b := w.pair()
	observer, home := otherAddr(203, 66), a.Addr()
	relaying := true
	w.tap = func(from, to netip.AddrPort, data []byte) bool {
		switch {
		case to == observer:
			w.Inject(b.Addr(), home, data, time.Millisecond)
			return false
		case from == home && relaying:
			w.Inject(observer, b.Addr(), data, time.Millisecond)
			return false
		}
		return true
	}
	a.push(b, 1, pipeline.Realtime, "x")
	w.await(time.Second, func() bool { return b.peer(a).Addr() == observer })
	relaying = false
	a.push(b, 1, pipeline.Realtime, "y")
	w.await(time.Second, func() bool { return b.peer(a).Addr() == home })
	require.Equal(t, 1, a.count(conn.PeerUp))
}

// A malicious peer sends from a victim's address: at most three times its bytes
// go there, whatever the packets hold.
func TestAmplificationToAnUnprovenAddress(t *testing.T) {
	challenges := func(n int) (frames []byte) {
		for i := range n {
			frames = wire.AppendPath(frames, wire.FramePathChallenge, [8]byte{byte(i)})
		}
		return frames
	}
	tests := map[string][]byte{
		"ping":           wire.AppendPing(nil),
		"pings":          bytes.Repeat(wire.AppendPing(nil), 1000),
		"challenge":      challenges(1),
		"challenges":     challenges(130),
		"rekey request":  wire.AppendRekey(nil, wire.RekeyRequest, nil),
		"rekey":          wire.AppendRekey(nil, wire.RekeyInit, make([]byte, 36)),
		"rekeys":         bytes.Repeat(wire.AppendRekey(nil, wire.RekeyInit, make([]byte, 36)), 25),
		"message":        wire.AppendReliable(challenges(1), 1, 0, 0, nil),
		"close":          wire.AppendClose(nil, wire.CloseNormal),
		"false response": wire.AppendPath(nil, wire.FramePathResponse, [8]byte{9}),
	}
	for name, frames := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 5)
			a, b := w.pair()
			victim := otherAddr(203, 99)
			var in, out, packets int
			w.tap = func(from, to netip.AddrPort, data []byte) bool {
				switch {
				case from == a.Addr():
					in += len(data)
					w.Inject(victim, b.Addr(), data, time.Millisecond)
					return false
				case to == victim:
					out += len(data)
					if wire.PacketType(data[0]&15) == wire.TypeData {
						require.LessOrEqual(t, len(data), wire.Overhead+1+wire.PathTokenSize, "a challenge carries nothing else")
					}
				}
				packets++
				require.LessOrEqual(t, out, 3*in)
				return true
			}
			for range 200 {
				if !a.up(b) {
					break
				}
				a.sendFrames(b, frames)
				w.run(10 * time.Millisecond)
			}
			require.NotZero(t, in)
			require.Zero(t, b.Stats().Roams)
			// One packet does not cause many to the proven address either.
			require.LessOrEqual(t, packets, 3*200)
		})
	}
}
