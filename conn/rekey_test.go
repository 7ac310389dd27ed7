package conn_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/sim"
	"github.com/intentra/intentra/wire"
)

// Keys are changed as soon as enough packets have used them, whichever side
// sends, without waiting for a timer.
func TestRekeyByPacketsIsPrompt(t *testing.T) {
	for _, dialerSends := range []bool{true, false} {
		w := newWorld(t, 9)
		a, b := w.pair(func(c *conn.Config) { c.RekeyAfterPackets = 1000 })
		from, to := a, b
		if !dialerSends {
			from, to = b, a
		}
		highest := uint64(0)
		w.tap = func(_, _ netip.AddrPort, data []byte) bool {
			if h, _ := wire.ParseHeader(data); h.Type == wire.TypeData {
				highest = max(highest, h.Counter)
			}
			return true
		}
		for range 9000 {
			from.push(to, 1, pipeline.Realtime, "x")
			w.run(110 * time.Microsecond)
		}
		// At most one acknowledgement, one request and three messages later.
		require.Less(t, highest, uint64(1000+500))
		w.run(50 * time.Millisecond)
		require.GreaterOrEqual(t, a.Stats().Rekeys, uint64(6))
		require.Equal(t, 9000, len(to.got))
		w.checkAll()
	}
}

// A malicious responder requests new keys all the time, and gets them at most
// once a second.
func TestRekeyRequestsAreHeldBack(t *testing.T) {
	w := newWorld(t, 10)
	a, b := w.pair()
	for range 300 {
		b.sendFrames(a, wire.AppendRekey(nil, wire.RekeyRequest, nil))
	}
	require.LessOrEqual(t, a.Stats().Rekeys, uint64(3))
	require.NotZero(t, a.Stats().Rekeys)
	w.checkAll()
}

// A rekey without an answer is abandoned and tried again, unless the other side
// already uses the new keys: then it is completed, however late.
func TestRekeyAbandoned(t *testing.T) {
	for _, lost := range []string{"init", "answer", "final", "ping"} {
		t.Run(lost, func(t *testing.T) {
			w := newWorld(t, 4)
			a, b := w.pair(func(c *conn.Config) { c.RekeyAfter, c.Unanswered = 10*time.Second, time.Minute })
			a.push(b, 1, pipeline.Realtime, "x")
			w.run(7900 * time.Millisecond)
			cut := false
			w.tap = func(netip.AddrPort, netip.AddrPort, []byte) bool {
				switch lost {
				case "init":
					cut = cut || a.session(b).Rekeying()
				case "answer":
					cut = cut || b.session(a).Rekeying()
				case "final":
					cut = cut || a.session(b).Next() != 0
				case "ping":
					cut = cut || b.Stats().Rekeys > 0
				}
				return !cut
			}
			w.await(20*time.Second, func() bool { return cut })
			w.run(7 * time.Second)
			require.Zero(t, a.Stats().Rekeys)
			require.Equal(t, lost == "ping", b.Stats().Rekeys > 0)
			require.Equal(t, lost == "ping" || lost == "final", a.session(b).Next() != 0)
			w.checkAll()
			w.tap = nil
			took := w.await(15*time.Second, func() bool { return a.Stats().Rekeys > 0 && b.Stats().Rekeys > 0 })
			require.Equal(t, lost == "ping", took < time.Second)
			a.push(b, 1, pipeline.Reliable, "y")
			b.push(a, 1, pipeline.Reliable, "y")
			w.run(time.Second)
			require.Len(t, b.got, 2)
			require.Len(t, a.got, 1)
			require.Equal(t, 1, a.count(conn.PeerUp))
			w.checkAll()
			w.closeAll()
		})
	}
}

// A session that ends while a job of its rekey is out releases everything.
func TestRekeyEndsWithItsSession(t *testing.T) {
	for _, steps := range []int{0, 1, 2, 3, 4} {
		w := newWorld(t, 5)
		a, b := w.pair(func(c *conn.Config) { c.RekeyAfter = 10 * time.Second })
		a.JobDelay, b.JobDelay = 100*time.Millisecond, 100*time.Millisecond
		a.push(b, 1, pipeline.Realtime, "x")
		w.until(20*time.Second, func() bool { return a.session(b).Rekeying() })
		w.run(time.Duration(steps) * 90 * time.Millisecond)
		w.closeAll()
	}
}

// The last packet below the limit is sent, and then the session ends rather than
// use the keys again.
func TestKeysAreNeverUsedUp(t *testing.T) {
	for _, below := range []uint64{0, 1, 5} {
		t.Run(fmt.Sprint(below), func(t *testing.T) {
			w := newWorld(t, 6)
			a, b := w.pair()
			a.Endpoint().ForbidRekeys()
			w.run(time.Second)
			a.session(b).SetNextCounter(1<<28 - below)
			highest := uint64(0)
			w.tap = func(from, _ netip.AddrPort, data []byte) bool {
				if h, _ := wire.ParseHeader(data); from == a.Addr() && h.Type == wire.TypeData && h.Counter > 1<<20 {
					highest = max(highest, h.Counter)
				}
				return true
			}
			for i := range 20 {
				a.queue(b, 1, pipeline.Realtime, number(i, 1000))
			}
			a.turn()
			require.Equal(t, 1, a.count(conn.PeerDown))
			require.Equal(t, wire.CloseKeys, a.last(conn.PeerDown).Reason)
			require.Less(t, highest, uint64(1<<28))
			require.Equal(t, below > 0, highest > 0)
			w.await(time.Second, func() bool { return a.up(b) })
			a.push(b, 1, pipeline.Realtime, "new keys")
			w.run(time.Second)
			require.Equal(t, "new keys", b.got[len(b.got)-1].payload)
			w.checkAll()
		})
	}
}

// Just below the soft limit there is a rekey in time.
func TestRekeyAtTheSoftLimit(t *testing.T) {
	w := newWorld(t, 7)
	a, b := w.pair()
	w.run(time.Second)
	a.session(b).SetNextCounter(1<<27 - 1)
	a.push(b, 1, pipeline.Realtime, "x")
	a.push(b, 1, pipeline.Realtime, "y")
	w.run(3 * time.Second)
	require.EqualValues(t, 1, a.Stats().Rekeys)
	require.EqualValues(t, 1, b.Stats().Rekeys)
	require.Equal(t, 1, a.count(conn.PeerUp))
	w.checkAll()
}

// Keys that are ten minutes over their age are not used any more.
func TestKeysAreNeverTooOld(t *testing.T) {
	w := newWorld(t, 8)
	a, b := w.pair()
	a.Endpoint().ForbidRekeys()
	a.push(b, 1, pipeline.Realtime, "x")
	start := w.Now()
	w.await(15*time.Minute, func() bool { return a.count(conn.PeerDown)+b.count(conn.PeerDown) > 0 })
	require.InDelta(t, (720 * time.Second).Seconds(), time.Duration(w.Now()-start).Seconds(), 30)
	w.await(time.Second, func() bool { return a.up(b) })
	w.checkAll()
}

// A dialer that starts rekeys all the time gets at most a tenth of the rate that
// all peers share.
func TestRekeysOfOnePeerLeaveRoomForOthers(t *testing.T) {
	w := newWorld(t, 1)
	w.setLink(sim.Link{Delay: time.Millisecond})
	a, b := w.pair(func(c *conn.Config) { c.RekeyAfterPackets = 16 })
	const seconds = 5
	for range seconds * 1000 {
		// The dialer ignores the pause between its own rekeys.
		a.queue(b, 1, pipeline.Realtime, "x")
		a.do(func(_ *conn.Endpoint, now pipeline.Time) { a.session(b).RequireRekey(now) })
		w.run(time.Millisecond)
	}
	rekeys := b.PeerStats(a.Key()).Rekeys
	require.Greater(t, rekeys, uint64(seconds), "rekeys: it gets some")
	require.LessOrEqual(t, rekeys, uint64(seconds*20+1))
	require.Equal(t, 1, a.count(conn.PeerUp))
}

// rekeyOften makes keys age in two seconds.
func rekeyOften(c *conn.Config) { c.RekeyAfter = 2 * time.Second }

// A peer keeps sending Rekey Inits that fail (a point of low order), as fast as
// it may send. The others change their keys in time, and the failures cost at
// most one job in four seconds.
func TestFailingRekeysLeaveRoomForOthers(t *testing.T) {
	seeds(t, 3, func(t *testing.T, seed uint64) {
		w := newWorld(t, seed)
		b, m := w.node(rekeyOften), w.node()
		m.dial(b)
		var honest []*node
		for range 5 {
			h := w.node(rekeyOften)
			h.dial(b)
			honest = append(honest, h)
		}
		w.run(time.Second)
		b.JobDelay = 200 * time.Microsecond // so that each ends before the next comes
		bad := wire.AppendRekey(nil, wire.RekeyInit, make([]byte, 36))
		failed := uint64(0)
		b.OnJob = func(j *conn.Job) {
			if j.Err() != nil {
				failed++
			}
		}
		var attack func()
		attack = func() {
			m.Do(func(_ *conn.Endpoint, now pipeline.Time) { m.session(b).SendFrames(bad, now) })
			w.After(100*time.Microsecond+time.Duration(w.Rand().Int64N(int64(20*time.Microsecond))), attack)
		}
		attack()
		const long = 10 * time.Second
		for start := w.Now(); w.Now() < start+pipeline.Time(long); {
			for _, h := range honest {
				h.push(b, 1, pipeline.Realtime, "x")
			}
			w.run(100 * time.Millisecond)
		}
		for _, h := range honest {
			require.GreaterOrEqual(t, h.Stats().Rekeys, uint64(4), "a rekey in 2.4 s at the latest")
		}
		require.LessOrEqual(t, failed, uint64(long/(4*time.Second))+1)
		require.Zero(t, b.Stats().Strikes)
	})
}

// A new session for each failing rekey does not help the peer: its pause outlives
// its sessions.
func TestFailingRekeysInNewSessions(t *testing.T) {
	w := newWorld(t, 1)
	a, b := w.pair()
	failed := 0
	b.OnJob = func(j *conn.Job) {
		if j.Err() != nil {
			failed++
		}
	}
	start := w.Now()
	for range 10 {
		a.sendFrames(b, wire.AppendRekey(nil, wire.RekeyInit, make([]byte, 36)))
		a.restart()
		a.dial(b)
		w.await(time.Second, func() bool { return a.up(b) })
	}
	require.Less(t, time.Duration(w.Now()-start), 4*time.Second)
	require.Equal(t, 1, failed)
	require.Equal(t, 11, int(b.Handshakes(conn.HandshakeAccepted)))
	w.run(4 * time.Second)
	a.sendFrames(b, wire.AppendRekey(nil, wire.RekeyInit, make([]byte, 36)))
	require.Equal(t, 2, failed)
}

// The other side of a rekey keeps sending forgeries of its second message. Four
// cost a job each, then the rekey is abandoned, and no other starts for four
// seconds. The session continues, and gets new keys after that.
func TestForgedMessagesOfARekeyAreFew(t *testing.T) {
	for _, forged := range []struct {
		name string
		step wire.RekeyStep
		size int
	}{{"Final", wire.RekeyFinal, 64}, {"Answer", wire.RekeyAnswer, 100}} {
		t.Run(forged.name, func(t *testing.T) {
			w := newWorld(t, 5)
			a, b := w.pair()
			// The malicious peer does not run its second job.
			victim, peer := b, a
			if forged.step == wire.RekeyAnswer {
				victim, peer = a, b
			}
			if peer == b {
				b.JobDelay = time.Hour
			}
			a.do(func(_ *conn.Endpoint, now pipeline.Time) { a.session(b).StartRekey(now) })
			w.await(time.Second, func() bool { return victim.session(peer).HasRekeyFrame() })
			peer.JobDelay = time.Hour
			jobs := victim.Endpoint().JobsMade()
			s := peer.session(victim)
			flood := func(d time.Duration, frame []byte) {
				for start := w.Now(); w.Now() < start+pipeline.Time(d); {
					peer.do(func(_ *conn.Endpoint, now pipeline.Time) {
						for range 9 {
							s.SendFrames(frame, now)
						}
					})
					w.run(time.Millisecond)
				}
			}
			flood(500*time.Millisecond, wire.AppendRekey(nil, forged.step, make([]byte, forged.size)))
			require.EqualValues(t, 4, victim.Endpoint().JobsMade()-jobs)
			require.EqualValues(t, 4, victim.Handshakes(conn.HandshakeFailed))
			require.False(t, victim.session(peer).Rekeying())
			if victim == b {
				flood(3*time.Second, wire.AppendRekey(nil, wire.RekeyInit, make([]byte, 36)))
			} else {
				flood(3*time.Second, wire.AppendRekey(nil, wire.RekeyRequest, nil))
			}
			require.EqualValues(t, 4, victim.Endpoint().JobsMade()-jobs, "jobs during the pause")
			require.Zero(t, victim.Stats().Strikes)
			require.Equal(t, 1, victim.count(conn.PeerUp))
			require.True(t, s.Is(peer.session(victim)))

			a.JobDelay, b.JobDelay = 0, 0
			w.run(3 * time.Second)
			a.session(b).AbandonRekey()
			b.session(a).AbandonRekey()
			a.do(func(_ *conn.Endpoint, now pipeline.Time) { a.session(b).StartRekey(now) })
			w.await(time.Second, func() bool { return a.Stats().Rekeys == 1 && b.Stats().Rekeys == 1 })
		})
	}
}

// A Reliable message that waits for the acknowledgement of a packet is sent again as
// soon as the keys of that packet are gone, and not only after its retransmission
// timeout, which has grown long.
func TestMessagesOutliveTheirKeys(t *testing.T) {
	w := newWorld(t, 7)
	// A datagram of this size is never suspected to be too large.
	a, b := w.pair(func(c *conn.Config) { c.RekeyAfterPackets, c.MaxDatagram = 64, 548 })
	lost := true
	w.tap = func(from, _ netip.AddrPort, data []byte) bool { return !lost || from != a.Addr() || len(data) < 400 }
	a.push(b, 1, pipeline.Reliable, strings.Repeat("x", 450))
	w.run(20 * time.Second) // the timeout is now longer than what follows
	require.Empty(t, b.got)
	require.Zero(t, a.Stats().Rekeys)
	w.checkAll()
	others := 0
	changeKeys := func() {
		for before := a.Stats().Rekeys; a.Stats().Rekeys == before; others++ {
			a.push(b, 2, pipeline.Realtime, "y")
			w.run(10 * time.Millisecond)
			w.checkAll()
		}
	}
	for range 3 {
		changeKeys()
	}
	lost = false
	changeKeys() // the keys of the latest lost packet are the previous ones
	changeKeys() // and now they are gone
	w.run(100 * time.Millisecond)
	require.Len(t, b.got, others+1)
	w.closeAll()
}
