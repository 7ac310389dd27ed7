package conn

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/stages/ratelimit"
)

// FuzzHolders is OFF of docs/THREATMODEL.md: it begins and drops handshakes from
// addresses in any order. The victim of an eviction is the one that a scan of all
// of them finds.
func FuzzHolders(f *testing.F) {
	f.Add([]byte{1, 2, 1, 1, 3, 0x80, 0x81, 2, 2, 2, 0x82, 0x80})
	f.Add([]byte{9, 9, 9, 0x80, 8, 8, 8, 0x80, 0x80, 0x80, 0x80, 0x80})
	f.Fuzz(func(t *testing.T, ops []byte) {
		var h holders[*halfOpen]
		h.init()
		var all []*halfOpen // oldest first
		since := map[netip.Addr]int{}
		for step, op := range ops[:min(len(ops), 200)] {
			switch {
			case op < 0x80:
				half := &halfOpen{key: initKey{addr: testAddr(int(op%8), step)}}
				all = append(all, half)
				h.add(half.key.addr.Addr(), &half.seat, half)
				since[half.key.addr.Addr()] = step
			case len(all) > 0:
				i := int(op-0x80) % len(all)
				h.remove(&all[i].seat)
				since[all[i].key.addr.Addr()] = step
				all = slices.Delete(all, i, i+1)
			}
			held := map[netip.Addr]int{}
			for _, half := range all {
				held[half.key.addr.Addr()]++
			}
			var want *halfOpen
			most := 0
			for _, half := range all {
				addr := half.key.addr.Addr()
				if n := held[addr]; n > most || n == most && since[addr] < since[want.key.addr.Addr()] {
					want, most = half, n
				}
			}
			require.Same(t, want, oldest(&h, 0))
			require.Nil(t, oldest(&h, most))
			require.Len(t, h.byAddr, len(held))
			for addr, n := range held {
				require.Equal(t, n, h.count(addr))
			}
		}
	})
}

// FuzzPacer is PEER of docs/THREATMODEL.md, which announces any rate and burst;
// the clock advances in any steps. A sender that obeys its pacer is never refused
// by the bucket of a receiver with that rate and burst.
func FuzzPacer(f *testing.F) {
	f.Add(uint32(10_000), uint32(500), []byte{0, 0, 0, 1, 0, 15, 66, 64, 0, 0, 0, 0})
	f.Add(uint32(1), uint32(1), []byte{255, 255, 255, 255, 0, 0, 0, 1, 63, 255, 255, 255})
	f.Add(uint32(1<<32-1), uint32(1<<32-1), []byte{0, 0, 0, 0, 0, 0, 0, 1})
	f.Add(uint32(3), uint32(7), []byte{20, 0, 0, 0, 20, 0, 0, 0, 20, 0, 0, 0})
	f.Fuzz(func(t *testing.T, rate, burst uint32, steps []byte) {
		rate, burst = max(rate, 1), max(burst, 1)
		p, b := newPacer(rate, burst), ratelimit.Bucket{}
		now := pipeline.Time(1 << 40)
		for ; len(steps) >= 4; steps = steps[4:] {
			now += pipeline.Time(binary.BigEndian.Uint32(steps))
			sent := 0
			for ; p.at() <= now && sent < 1000; sent++ {
				require.True(t, b.Take(now, rate, burst), "packet %d at %d", sent, now)
				p.charge(now)
			}
			if sent < 1000 {
				require.Greater(t, p.at(), now, "the time of the next packet")
				now = p.at() // and then it may
				require.LessOrEqual(t, p.at(), now)
			}
		}
	})
}

// FuzzLane is the network, which acknowledges and loses in any order. Sequence
// numbers count up, distances are those of section 5.3 of PROTOCOL.md, and
// exactly what is unacknowledged stays, as a list of all that was ever sent says.
func FuzzLane(f *testing.F) {
	f.Add([]byte{1, 1, 2, 1, 0x80, 1, 0x82, 0x80, 1, 2, 0xc0, 3})
	f.Add([]byte{5, 6, 7, 8, 9, 10, 11, 12, 13, 0x88, 0x80, 5, 0xc3, 0x81, 6, 0x82, 0x83, 7})
	f.Fuzz(func(t *testing.T, ops []byte) {
		var l lane
		type sent struct {
			channel     uint32
			acked, lost bool
		}
		var all []sent
		lowest := func() int {
			i := slices.IndexFunc(all, func(s sent) bool { return !s.acked })
			if i < 0 {
				i = len(all)
			}
			return i
		}
		for _, op := range ops[:min(len(ops), 300)] {
			base := lowest()
			switch {
			case op < 0x80 && !l.full():
				channel, distance := uint32(op%8), 0
				for i := len(all) - 1; i >= base && distance == 0; i-- {
					if all[i].channel == channel {
						distance = len(all) - i
					}
				}
				seq := l.next
				m := l.add(channel, []byte{op})
				require.EqualValues(t, len(all), seq)
				require.EqualValues(t, distance, m.distance)
				all = append(all, sent{channel: channel})
			case op >= 0x80 && base < len(all):
				i := base + int(op%64)%(len(all)-base)
				if op < 0xc0 {
					l.acknowledge(l.at(uint64(i)))
					all[i].acked, all[i].lost = true, false
					l.release()
				} else {
					l.lose(l.at(uint64(i)))
					all[i].lost = !all[i].acked
				}
			}
			lost := 0
			for i := lowest(); i < len(all); i++ {
				m := l.at(uint64(i))
				require.Equal(t, all[i], sent{m.channel, m.acked, m.lost})
				if all[i].lost {
					lost++
				}
			}
			require.EqualValues(t, lowest(), l.base)
			require.EqualValues(t, lost, l.lost)
			require.Equal(t, len(all)-lowest(), l.inFlight())
		}
	})
}
