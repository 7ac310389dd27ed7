package conn_test

import (
	"bytes"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/sim"
	"github.com/intentra/intentra/wire"
)

// FuzzPeers is PEER of docs/THREATMODEL.md: two peers send frames of any content,
// well sealed, from any address: their own, each other's or another. What the
// victim holds back stays within the caps of one peer and of all; an address that
// has proved nothing is sent at most three times what came from it; a third,
// honest peer loses nothing; and in the end nothing is held.
func FuzzPeers(f *testing.F) {
	item := func(control byte, frames []byte) []byte { return append([]byte{control, byte(len(frames))}, frames...) }
	gap := func(seq uint64, n int) []byte { return wire.AppendReliable(nil, 7, seq, 1, make([]byte, n)) }
	const unproven = 0x0c // the sender's address; see below
	all := func(items ...[]byte) []byte { return slices.Concat(items...) }
	question := wire.AppendPath(nil, wire.FramePathChallenge, [8]byte{1})
	f.Add([]byte{})
	f.Add(all(item(0, gap(1, 200)), item(0, gap(2, 200)), item(1, gap(1, 200)), item(1, gap(2, 200)), item(0, gap(3, 200))))
	f.Add(all(item(unproven, wire.AppendPing(nil)), item(0x10, wire.AppendPing(nil)), item(unproven+0x20, question)))
	f.Add(item(unproven, bytes.Repeat(question, 20)))
	f.Add(all(item(0x21, gap(1, 0)), item(0x40, wire.AppendRekey(nil, wire.RekeyInit, make([]byte, 36))), item(0x21, wire.AppendClose(nil, 1))))
	f.Fuzz(func(t *testing.T, in []byte) {
		const each, both = 512, 768
		w := newWorld(t, 1)
		victim := w.node(func(c *conn.Config) { c.Chains.Ack.HeldBytes, c.Chains.Ack.HeldBytesTotal = each, both })
		bad, honest := []*node{w.node(), w.node()}, w.node()
		for _, n := range append(bad, honest) {
			n.dial(victim)
		}
		w.run(time.Second)
		homes := []netip.AddrPort{bad[0].Addr(), bad[1].Addr(), honest.Addr()}
		came, went := map[netip.AddrPort]int{}, map[netip.AddrPort]int{}
		var spoofed netip.AddrPort // where packets to the victim come from instead, if valid
		w.Tap(func(d sim.Datagram) (a sim.Action) {
			if d.To == victim.Addr() {
				if spoofed.IsValid() {
					a.From, d.From = spoofed, spoofed
				}
				came[d.From] += len(d.Data)
			}
			if d.From == victim.Addr() {
				went[d.To] += len(d.Data)
			}
			return a
		})
		for steps := 0; len(in) >= 2 && steps < 40; steps++ {
			control, n := in[0], min(int(in[1]), len(in)-2)
			frames := in[2 : 2+n]
			in = in[2+n:]
			from := bad[control%2]
			spoofed = []netip.AddrPort{homes[control%2], homes[1-control%2], homes[2], otherAddr(203, control), otherAddr(204, 1)}[control>>2%8%5]
			if n > 0 && from.up(victim) {
				from.Do(func(_ *conn.Endpoint, now pipeline.Time) { from.session(victim).SendFrames(frames, now) })
			}
			from.turn()
			spoofed = netip.AddrPort{}
			w.run(time.Duration(control>>5) * 10 * time.Millisecond)
			if steps%4 == 0 {
				honest.push(victim, 1, pipeline.Reliable, number(steps, 8))
			}
			w.run(6 * time.Millisecond)

			held := 0
			for _, p := range victim.Endpoint().Peers() {
				if s := victim.Endpoint().SessionOf(p); s != nil {
					require.LessOrEqual(t, s.HeldBytes(), each)
					held += s.HeldBytes()
				}
			}
			require.LessOrEqual(t, held, both)
			require.Equal(t, held, victim.Stats().HeldBytes)
			for to, sent := range went {
				if to.Addr().As4()[0] != 10 {
					require.LessOrEqual(t, sent, 3*came[to], "to %v", to)
				}
			}
		}
		w.run(8 * time.Second)
		w.checkAll()
		honest.push(victim, 1, pipeline.Reliable, "last")
		w.run(time.Second)
		pushed, got := 0, []string{}
		for _, m := range victim.got {
			if m.from.Key == honest.Key() {
				got = append(got, m.payload)
			}
		}
		require.NotEmpty(t, got)
		require.Equal(t, "last", got[len(got)-1])
		for _, payload := range got[:len(got)-1] {
			require.Equal(t, number(pushed, 8), payload)
			pushed += 4
		}
		require.Equal(t, 1, honest.count(conn.PeerUp))
		require.Zero(t, honest.count(conn.PeerDown))
		w.closeAll()
	})
}
