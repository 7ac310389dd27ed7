package conn_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/sim"
	"github.com/intentra/intentra/wire"
)

// FuzzEndpoint is an attacker on the wire between two peers. It changes, drops,
// repeats and delays what they send, and sends anything from any address. The
// endpoints account for every packet, get no strike, and deliver no message that
// was not sent and none twice; once the attack ends the two are connected.
func FuzzEndpoint(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{0, 5, 0x12, 0, 0, 0, 1, 6, 1, 4, 200, 6, 2, 4, 255, 3, 0, 3, 1})
	f.Add([]byte{6, 1, 2, 0, 3, 0x80, 2, 0, 9, 1, 5, 0, 7, 4, 10, 7, 1, 4, 255, 4, 255, 4, 255})
	f.Add([]byte{1, 16, 0x11, 0, 0, 0, 0, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 4, 100})
	f.Add([]byte{7, 1, 4, 255, 6, 9, 4, 255, 7, 0, 8, 0, 6, 3, 4, 20, 8, 1, 6, 4, 4, 255})
	f.Fuzz(func(t *testing.T, in []byte) {
		w := newWorld(t, 1)
		a, b := w.pair(func(c *conn.Config) { c.RekeyAfterPackets = 16 })
		w.run(time.Second)
		r := w.Record(1 << 16)
		victims := []*node{a, b}
		sent := map[string]bool{}
		next := func() byte {
			if len(in) == 0 {
				return 0
			}
			v := in[0]
			in = in[1:]
			return v
		}
		genuine := func() sim.Datagram {
			kept := r.Kept()
			if len(kept) == 0 {
				return sim.Datagram{From: a.Addr(), To: b.Addr(), Data: make([]byte, 40)}
			}
			return kept[int(next())%len(kept)]
		}
		for steps := 0; len(in) > 0 && steps < 200; steps++ {
			switch op := next(); op % 9 {
			case 0, 1: // any bytes, from the peer's address or another
				n := min(int(next()), len(in))
				from := []netip.AddrPort{a.Addr(), b.Addr(), otherAddr(203, op)}[op%3]
				w.Inject(from, victims[op/9%2].Addr(), in[:n], 0)
				in = in[n:]
			case 2: // a genuine datagram with a changed byte
				d := genuine()
				data := append([]byte(nil), d.Data...)
				data[int(next())%len(data)] ^= next()
				w.Inject(d.From, d.To, data, 0)
			case 3: // a genuine datagram again
				w.Inject(otherAddr(203, next()), genuine().To, genuine().Data, 0)
			case 4:
				w.run(time.Duration(next()) * time.Duration(next()%8+1) * time.Millisecond)
			case 5: // a genuine datagram cut short
				d := genuine()
				w.Inject(d.From, d.To, d.Data[:int(next())%(len(d.Data)+1)], 0)
			case 6:
				for range next()%8 + 1 {
					from, to := victims[op/9%2], victims[1-op/9%2]
					if from.Endpoint().Peer(to.Key()) == nil {
						continue // it was cut off for so long that it forgot the dialer
					}
					m := number(len(sent), 8)
					sent[m] = true
					from.push(to, uint32(op), pipeline.Intent(op/9%3+1), m)
				}
			case 7:
				w.cut(next()%2 == 1)
			case 8:
				l := w.link
				l.Jitter = time.Duration(next()) * time.Millisecond
				w.setLink(l)
			}
		}
		w.setLink(sim.Link{Delay: time.Millisecond})
		w.run(time.Millisecond)
		w.checkAll()
		w.await(15*time.Second, func() bool { return sameSession(a, b) })
		w.run(4 * time.Second)
		w.checkAll()
		for _, n := range victims {
			require.Zero(t, n.Stats().Strikes)
			require.Zero(t, n.count(conn.DialEnded))
			seen := map[string]int{}
			for _, m := range n.got {
				require.True(t, sent[m.payload], "never sent: %q", m.payload)
				seen[m.payload]++
				if m.intent != pipeline.Reliable {
					require.Equal(t, 1, seen[m.payload])
				}
				// A Reliable message may be delivered once in each session.
				require.LessOrEqual(t, seen[m.payload], int(n.Handshakes(conn.HandshakeDialed)+n.Handshakes(conn.HandshakeAccepted)))
			}
		}
		if a.Handshakes(conn.HandshakeDialed) == 1 {
			require.Equal(t, 1, a.count(conn.PeerUp))
		}
	})
}

// FuzzPeer is an authenticated peer that sends any frames, well sealed. It can
// lose its own session only: another peer of the victim keeps its session, and
// every packet is accounted for.
func FuzzPeer(f *testing.F) {
	f.Add([]byte{}, uint8(0))
	f.Add(wire.AppendPing(nil), uint8(1))
	f.Add(wire.AppendClose(nil, wire.CloseIdle), uint8(2))
	f.Add(wire.AppendAck(nil, &wire.Ack{Largest: 1 << 63, Reliable: 9, Bitmap: wire.AckBitmap{1, 2, 3}}), uint8(3))
	f.Add(wire.AppendReliable(wire.AppendReliable(nil, 7, 9, 3, []byte("x")), 7, 6, 0, nil), uint8(4))
	f.Add(wire.AppendRekey(nil, wire.RekeyInit, make([]byte, 36)), uint8(5))
	f.Add(wire.AppendRekey(wire.AppendRekey(nil, wire.RekeyAnswer, make([]byte, 100)), wire.RekeyFinal, make([]byte, 64)), uint8(0))
	f.Add(wire.AppendPath(wire.AppendPath(nil, wire.FramePathChallenge, [8]byte{1}), wire.FramePathResponse, [8]byte{1}), uint8(1))
	f.Fuzz(func(t *testing.T, frames []byte, flags uint8) {
		w := newWorld(t, 1)
		a, b := w.pair()
		bad, victim := a, b
		if flags&1 != 0 {
			bad, victim = b, a
		}
		c := w.node()
		c.dial(victim)
		w.run(time.Second)
		if flags&2 != 0 {
			bad.rebind(otherAddr(203, 1))
		}
		for len(frames) > 0 {
			if !bad.up(victim) {
				break
			}
			n := min(len(frames), 1232-wire.Overhead)
			bad.sendFrames(victim, frames[:n])
			frames = frames[n:]
		}
		w.run(8 * time.Second)
		w.checkAll()
		c.push(victim, 1, pipeline.Reliable, "from the other peer")
		w.run(time.Second)
		require.NotEmpty(t, victim.got)
		require.Equal(t, "from the other peer", victim.got[len(victim.got)-1].payload)
		require.Equal(t, 1, c.count(conn.PeerUp))
		w.closeAll()
	})
}
