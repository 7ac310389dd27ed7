package threat

import (
	"bytes"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/conn"
)

// slotHolder is a rawDialer with 20 addresses that begins as many handshakes as it
// gets slots for, and never completes them. An address that holds all of its slots
// replaces one with each further handshake.
type slotHolder struct {
	*rawDialer
	next int
}

const slotAddresses = 20

// again begins a handshake from the next of its addresses, with a new port.
func (h *slotHolder) again() netip.AddrPort {
	from := v4(h.next%slotAddresses, 1+h.next/slotAddresses%60_000)
	h.next++
	h.begin(from)
	return from
}

// 20 addresses hold all slots of a hub that has 100, five each, and take each slot that
// becomes free. Newcomers from other addresses still connect within a second, each by
// evicting one half-open handshake.
func TestThreat05HalfOpenSlotsHeld(t *testing.T) {
	var h *slotHolder
	var all []*newcomer
	full := 0
	s, baseline, attacked := underAttack(t, 5, func(s *scene) {
		h = &slotHolder{rawDialer: newRawDialer(s, 5)}
		stop := s.Every(2500*time.Microsecond, func() { h.again() }) // 400/s: twice what is admitted
		s.run(time.Second)
		require.Equal(t, 100, s.hub.Stats().HandshakesInFlight)
		arrivals := s.Every(250*time.Millisecond, func() {
			if s.hub.Stats().HandshakesInFlight == 100 {
				full++
			}
			all = append(all, s.arrive(fmt.Sprintf("newcomer%d", len(all)), netip.AddrPort{}))
		})
		s.After(honestTime-time.Second, arrivals)
		s.After(honestTime, stop)
	}, func(hub *intentra.Config) { hub.MaxHandshakes = 100 })
	took := slowest(t, all)
	require.LessOrEqual(t, took, time.Second)
	stats := s.hub.Stats()
	require.GreaterOrEqual(t, full, len(all)*3/4, "most newcomers find all slots held")
	require.GreaterOrEqual(t, stats.Handshakes[conn.HandshakeEvicted], uint64(full))
	require.NotZero(t, stats.Handshakes[conn.HandshakeLeft], "those beyond the rate wait, and do not ask again")
	require.Zero(t, closes(stats))
	require.Equal(t, baseline, attacked)
	threat05Oldest(t, s, h)
	timedOut := s.hub.Stats().Handshakes[conn.HandshakeTimedOut]
	require.EqualValues(t, 100, timedOut, "the last handshakes of the flood time out")
	report(t, 5, "%d handshakes begun from %d addresses, never completed: %d of %d newcomers found 100 slots held and all were up within %v; evicted %d, left %d, timed_out %d; the slot taken is that of the oldest of 100; honest delivery %s without, %s with",
		h.proved, slotAddresses, full, len(all), took, stats.Handshakes[conn.HandshakeEvicted], stats.Handshakes[conn.HandshakeLeft],
		timedOut, percent(baseline), percent(attacked))
}

// threat05Oldest fills the slots again, in order, and lets one newcomer dial. To
// find out whose slot was evicted it repeats each message 1: a handshake that
// still has its slot is answered with the same message 2, byte for byte.
func threat05Oldest(t *testing.T, s *scene, h *slotHolder) {
	s.run(6 * time.Second)
	require.Zero(t, s.hub.Stats().HandshakesInFlight, "half-open handshakes expire after 5 s")
	var held []netip.AddrPort
	h.next = 0
	for range 100 {
		held = append(held, h.again())
		s.run(6 * time.Millisecond)
	}
	s.run(100 * time.Millisecond)
	before := s.hub.Stats()
	require.Equal(t, 100, before.HandshakesInFlight)
	last := s.arrive("one more", netip.AddrPort{})
	s.await(time.Second, func() bool { return last.up })
	after := s.hub.Stats()
	require.EqualValues(t, 1, after.Handshakes[conn.HandshakeEvicted]-before.Handshakes[conn.HandshakeEvicted])

	answers := map[netip.AddrPort][]byte{}
	for _, from := range held {
		answers[from] = h.attempts[from].response
		require.NotNil(t, answers[from])
		h.send(from, h.attempts[from].init)
	}
	s.run(100 * time.Millisecond)
	var gone []netip.AddrPort
	for _, from := range held {
		if !bytes.Equal(answers[from], h.attempts[from].response) {
			gone = append(gone, from)
		}
	}
	require.Equal(t, held[:1], gone, "the oldest handshake of the first address to hold five is evicted")
	require.EqualValues(t, 99, s.hub.Stats().Handshakes[conn.HandshakeRepeated]-after.Handshakes[conn.HandshakeRepeated])
}
