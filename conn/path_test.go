package conn

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

// rebind gives the node another address, as a NAT does that has forgotten it.
func (n *node) rebind(addr netAddr) { n.addr = addr }

func TestRoaming(t *testing.T) {
	seeds(t, 5, func(t *testing.T, seed uint64) {
		w := newNetwork(t, seed)
		w.link = link{delay: 5 * time.Millisecond, jitter: 5 * time.Millisecond, loss: 0.05}
		a, b := w.pair()
		kinds := w.kinds()
		const n = 800
		(&stream{from: a, to: b, intent: pipeline.Reliable, channels: 1, n: n, size: 500}).run()
		(&stream{from: b, to: a, intent: pipeline.Reliable, channels: 1, n: n, size: 500}).run()
		for i := range 3 {
			w.run(30 * time.Millisecond)
			a.rebind(netAddrOf(203, byte(i+1)))
			w.await(2*time.Second, func() bool { return b.peer(a).Addr() == a.addr })
		}
		w.await(20*time.Second, func() bool { return len(a.got) >= n && len(b.got) >= n })
		requireExactlyOnce(t, a.got, 1, n)
		requireExactlyOnce(t, b.got, 1, n)
		require.Zero(t, kinds[wire.TypeInit], "no new handshake")
		require.EqualValues(t, 3, b.ep.stats.Roams)
		w.checkAll()
		w.closeAll()
	})
}

// The responder moves: only what it sends can tell.
func TestResponderRoams(t *testing.T) {
	w := newNetwork(t, 1)
	a, b := w.pair()
	b.rebind(netAddrOf(203, 1))
	b.push(a, 1, pipeline.Realtime, "from elsewhere")
	w.await(time.Second, func() bool { return a.peer(b).Addr() == b.addr })
	a.push(b, 1, pipeline.Realtime, "there")
	w.run(time.Second)
	require.Len(t, b.got, 1)
	require.Equal(t, 1, a.count(PeerUp))
}

// The proof of the new path is lost more than once. The dialer, which hears the
// responder all the while and so has no reason to dial again, goes on asking.
func TestRoamingOverALossyPath(t *testing.T) {
	w := newNetwork(t, 7)
	a, b := w.pair()
	w.run(time.Second)
	b.rebind(netAddrOf(203, 1))
	asked := 0
	w.tap = func(_, to netAddr, _ []byte) bool {
		if to == b.addr {
			asked++
		}
		return to != b.addr || asked > 5
	}
	for i := range 1000 {
		b.push(a, 1, pipeline.Realtime, number(i, 4))
		w.run(10 * time.Millisecond)
	}
	require.Equal(t, b.addr, a.peer(b).Addr())
	require.Equal(t, 1, a.count(PeerUp))
	require.Zero(t, a.count(PeerDown))

	// A victim whose address is claimed for long is asked ever more rarely.
	victim := netAddrOf(203, 2)
	asked = 0
	w.tap = func(from, to netAddr, data []byte) bool {
		switch {
		case from == b.addr:
			w.inject(victim, to, data, time.Millisecond)
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

func TestForbidRoaming(t *testing.T) {
	w := newNetwork(t, 2)
	a, b := w.pair(func(c *Config) { c.ForbidRoaming = true })
	was := a.addr
	a.rebind(netAddrOf(203, 1))
	a.push(b, 1, pipeline.Realtime, "x")
	w.run(time.Second)
	require.Equal(t, was, b.peer(a).Addr())
	require.Zero(t, b.ep.stats.Roams)
	// The dialer notices that nothing comes back, and dials from where it is.
	w.await(4*time.Second, func() bool { return b.peer(a).Addr() == a.addr })
	w.await(time.Second, func() bool { return a.handshakes(HandshakeDialed) == 2 })
	w.checkAll()
}

// Genuine packets that an observer forwards from elsewhere, before they arrive
// by themselves, do not move the peer.
func TestForwardedPacketsDoNotMoveThePath(t *testing.T) {
	w := newNetwork(t, 3)
	a, b := w.pair()
	thief := netAddrOf(203, 66)
	atThief := 0
	w.tap = func(from, to netAddr, data []byte) bool {
		if to == thief {
			atThief += len(data)
		}
		if from == a.addr && wire.PacketType(data[0]&15) == wire.TypeData {
			w.inject(thief, to, data, 0)
		}
		return true
	}
	taken := 0
	for i := range 300 {
		a.push(b, 1, pipeline.Realtime, number(i, 4))
		w.run(10 * time.Millisecond)
		if b.peer(a).Addr() != a.addr {
			taken++
		}
	}
	require.Zero(t, taken)
	require.Equal(t, 300, len(b.got))
	require.Zero(t, b.ep.stats.Roams)
	require.NotZero(t, atThief, "he is asked for a proof")
	w.tap = nil
	a.push(b, 1, pipeline.Realtime, "last")
	w.run(time.Second)
	require.Nil(t, b.session(a).path)
	w.checkAll()
}

// A packet that was held back moves nothing, nor asks for a proof.
func TestOldPacketsDoNotMoveThePath(t *testing.T) {
	w := newNetwork(t, 6)
	a, b := w.pair()
	w.run(time.Second)
	var held recorded
	w.tap = func(from, to netAddr, data []byte) bool {
		held = recorded{from: from, to: to, data: bytes.Clone(data)}
		return false
	}
	a.push(b, 1, pipeline.Realtime, "old")
	w.tap = nil
	a.push(b, 1, pipeline.Realtime, "new")
	w.run(time.Second)
	w.inject(netAddrOf(203, 66), held.to, held.data, 0)
	w.run(time.Millisecond)
	require.Len(t, b.got, 2)
	require.Nil(t, b.session(a).path)
}

// An observer who also relays the proof gets the path, and the peer has it back
// with its next packet.
func TestPeerWinsItsPathBack(t *testing.T) {
	w := newNetwork(t, 4)
	a, b := w.pair()
	thief, home := netAddrOf(203, 66), a.addr
	stealing := true
	w.tap = func(from, to netAddr, data []byte) bool {
		switch {
		case to == thief:
			w.inject(b.addr, home, data, time.Millisecond)
			return false
		case from == home && stealing:
			w.inject(thief, b.addr, data, time.Millisecond)
			return false
		}
		return true
	}
	a.push(b, 1, pipeline.Realtime, "x")
	w.await(time.Second, func() bool { return b.peer(a).Addr() == thief })
	stealing = false
	a.push(b, 1, pipeline.Realtime, "y")
	w.await(time.Second, func() bool { return b.peer(a).Addr() == home })
	require.Equal(t, 1, a.count(PeerUp))
}

// A malicious peer sends from a victim's address. At most three times its bytes
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
			w := newNetwork(t, 5)
			a, b := w.pair()
			victim := netAddrOf(203, 99)
			var in, out, packets int
			w.tap = func(from, to netAddr, data []byte) bool {
				switch {
				case from == a.addr:
					in += len(data)
					w.inject(victim, b.addr, data, time.Millisecond)
					return false
				case to == victim:
					out += len(data)
					if wire.PacketType(data[0]&15) == wire.TypeData {
						require.LessOrEqual(t, len(data), wire.Overhead+1+wire.PathTokenSize, "nothing rides along")
					}
				}
				packets++
				require.LessOrEqual(t, out, 3*in)
				return true
			}
			for range 200 {
				s := a.ep.Peer(b.key).session
				if s == nil {
					break
				}
				require.True(t, a.ep.sendControl(s, s.remote, frames, w.now))
				a.turn()
				w.run(20 * time.Millisecond)
			}
			require.NotZero(t, in)
			require.Zero(t, b.ep.stats.Roams)
			// Nor does one packet set off many to the proven address.
			require.LessOrEqual(t, packets, 3*200)
		})
	}
}

func netAddrOf(first, last byte) netAddr { return v4(int(last)+1000, int(first)) }
