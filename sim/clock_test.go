package sim

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/internal/race"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/stages"
	"github.com/intentra/intentra/wire"
)

// trueOffset is by how much the clock of b is ahead of that of a.
func trueOffset(a, b *Node) time.Duration { return time.Duration(b.Now() - a.Now()) }

// peerOf returns n's Peer with the key of to.
func peerOf(t *testing.T, n, to *Node) *intentra.Peer {
	p, ok := n.Peer(to.Key())
	require.True(t, ok)
	return p
}

// The true offset of a drifting clock lies within the bound at every moment, over symmetric
// and asymmetric delays, and the bound is at most half of a round trip and what the clocks
// drift between two exchanges. With -v it prints the table of docs/TESTING.md.
func TestClockOverLinks(t *testing.T) {
	table := []string{"| delay there and back | true offset | estimated, after 60 s | bound | largest error | largest bound |", "|---|---:|---:|---:|---:|---:|"}
	for _, c := range []struct{ there, back time.Duration }{
		{0, 0},
		{20 * time.Millisecond, 20 * time.Millisecond},
		{100 * time.Millisecond, 100 * time.Millisecond},
		{32 * time.Millisecond, 8 * time.Millisecond},
		{160 * time.Millisecond, 40 * time.Millisecond},
		{40 * time.Millisecond, 160 * time.Millisecond},
	} {
		w := newWorld(t, 1)
		a, b := w.pair(t)
		w.SetLink(a, b, Link{Delay: c.there, Jitter: c.there / 10})
		w.SetLink(b, a, Link{Delay: c.back, Jitter: c.back / 10})
		b.JumpClock(3 * time.Second)
		a.SetDrift(25)
		b.SetDrift(-25)
		p := peerOf(t, a, b)
		_, _, ok := p.Clock()
		require.False(t, ok)
		roundTrip := c.there + c.back
		w.await(t, roundTrip+100*time.Millisecond, func() bool { _, _, ok = p.Clock(); return ok })
		var ahead, within, worst, widest time.Duration
		for range 600 {
			w.run(t, 100*time.Millisecond)
			ahead, within, ok = p.Clock()
			require.True(t, ok)
			off := (ahead - trueOffset(a, b)).Abs()
			require.LessOrEqual(t, off, within, "%v", c)
			worst, widest = max(worst, off), max(widest, within)
		}
		require.LessOrEqual(t, widest, roundTrip*11/20+2*time.Second/conn.ClockDrift+2*time.Microsecond)
		off := func(d time.Duration) time.Duration { return d.Round(time.Microsecond) }
		table = append(table, fmt.Sprintf("| %v, %v | %v | %v | %v | %v | %v |", c.there, c.back, off(trueOffset(a, b)), off(ahead), off(within), off(worst), off(widest)))
	}
	t.Log("\n" + strings.Join(table, "\n"))
}

// Without questions or stamped messages the clock costs no packet, and while it is asked
// for, one each second. The bound grows without exchanges, and holds.
func TestClockIsObservedOnDemand(t *testing.T) {
	w := newWorld(t, 1)
	a, b := w.pair(t, intentra.Config{KeepAlive: time.Minute, Unanswered: time.Hour, IdleTimeout: time.Hour})
	w.run(t, 20*time.Second)
	b.SetDrift(90)
	p := peerOf(t, a, b)
	sent := func(d time.Duration) uint64 {
		before := a.Stats().PacketsOut
		w.run(t, d)
		return a.Stats().PacketsOut - before
	}
	require.LessOrEqual(t, sent(10*time.Second), uint64(1))
	p.Clock()
	w.run(t, time.Second)
	_, first, ok := p.Clock()
	require.True(t, ok)
	require.InDelta(t, 10, sent(10*time.Second), 3)
	w.run(t, 10*time.Second)
	require.LessOrEqual(t, sent(10*time.Second), uint64(1), "10 s after it was of use")
	ahead, within, ok := p.Clock()
	require.True(t, ok)
	require.Greater(t, within, first+2*time.Millisecond)
	require.LessOrEqual(t, (ahead - trueOffset(a, b)).Abs(), within)

	w.run(t, time.Second)
	b.Suspend() // as a machine that sleeps
	w.run(t, 200*time.Millisecond)
	b.Resume()
	w.run(t, 3*time.Second)
	ahead, within, ok = p.Clock()
	require.True(t, ok)
	require.LessOrEqual(t, (ahead - trueOffset(a, b)).Abs(), within)
	b.Close()
	w.run(t, time.Second)
	_, _, ok = p.Clock()
	require.False(t, ok)
	p.Clock() // of a peer that is not connected
	w.run(t, time.Second)
}

// aged are two nodes whose messages say when they were made on the world's clock.
type aged struct {
	t     *testing.T
	w     *World
	known int // stamped messages whose age was known
	plain int // messages without
}

func (g *aged) message(channel uint32, intent intentra.Intent, n int) intentra.Message {
	payload := binary.BigEndian.AppendUint64(nil, uint64(g.w.now))
	return intentra.Message{Channel: channel, Intent: intent, Stamp: true, Payload: append(payload, make([]byte, n)...)}
}

// got checks the age of a message.
func (g *aged) got(m intentra.Message) {
	if !m.Stamp {
		g.plain++
		require.Zero(g.t, m.Age)
		require.Zero(g.t, m.Within)
		return
	}
	g.known++
	age := time.Duration(g.w.now) - time.Duration(binary.BigEndian.Uint64(m.Payload))
	require.LessOrEqual(g.t, (m.Age - age).Abs(), m.Within, "channel %d, %v, age %v", m.Channel, m.Intent, age)
	require.GreaterOrEqual(g.t, m.Age, -m.Within)
}

func newAged(t *testing.T, cfg intentra.Config) (g *aged, a, b *Node) {
	g = &aged{t: t, w: newWorld(t, 1)}
	g.w.Audit()
	g.w.SetDefault(Link{Delay: 5 * time.Millisecond, MTU: 1500})
	a, b = g.w.pair(t, cfg)
	b.OnMessage = func(_ intentra.PublicKey, m intentra.Message) { g.got(m) }
	b.JumpClock(time.Hour)
	a.SetDrift(40)
	b.SetDrift(-10)
	g.compare(b, a)
	return g, a, b
}

// compare waits until n knows the clock of its peer, after a jump that may have cost the
// session.
func (g *aged) compare(n, peer *Node) {
	g.w.await(g.t, 10*time.Second, func() bool {
		_, _, ok := peerOf(g.t, n, peer).Clock()
		return ok
	})
}

// A message of any intent, size and way has its age, also if it is lost and sent again, held
// for another, put together, broadcast, or changes its session.
func TestAgeOfMessages(t *testing.T) {
	race.SkipHistory(t)
	user := func(s *stages.Set) error {
		s.Outbound.InsertBefore("pack", pipeline.Func("user", nil, func(*pipeline.Packet) pipeline.Verdict { return pipeline.Accept }))
		return nil
	}
	for name, cfg := range map[string]intentra.Config{"plain": {}, "with a stage": {Stages: user}} {
		t.Run(name, func(t *testing.T) {
			g, a, b := newAged(t, cfg)
			link := Link{Delay: 10 * time.Millisecond, Jitter: 4 * time.Millisecond, Loss: 0.1, MTU: 1500}
			g.w.SetLink(a, b, link)
			g.w.SetLink(b, a, link)
			sent := 0
			for i := range 200 {
				for channel, intent := range []intentra.Intent{intentra.Realtime, intentra.Latest, intentra.Reliable} {
					for _, n := range []int{0, 900, 5000} {
						m := g.message(uint32(channel*10000+n+i), intent, n)
						m.Priority = intentra.Priority(i%4) + intentra.Low
						require.Equal(t, intentra.Queued, a.Send(b.Key(), m).Status)
						sent++
					}
				}
				require.NotZero(t, a.Broadcast(g.message(3, intentra.Realtime, 10)).Queued)
				a.Broadcast(g.message(4, intentra.Reliable, 10))
				sent += 2
				g.w.run(t, 25*time.Millisecond)
				if i == 100 { // its messages in flight leave again in the next session
					g.w.SetLink(a, b, Link{Cut: true})
					g.w.run(t, 3*time.Second)
					g.w.SetLink(a, b, link)
					g.w.await(t, 10*time.Second, func() bool { return a.Connected(b.Key()) && b.Connected(a.Key()) })
				}
			}
			g.w.run(t, 3*time.Second)
			t.Logf("%d sent, %d with an age, %d without", sent, g.known, g.plain)
			require.Greater(t, g.known, sent/2)
			require.LessOrEqual(t, g.plain, 40, "at the beginning of a session")
		})
	}
}

// While a message waits for minutes the clocks drift, so its age is less certain than the
// offset of the clocks.
func TestAgeOfAnOldMessage(t *testing.T) {
	for _, drift := range []int{-100, 100} {
		g, a, b := newAged(t, intentra.Config{})
		a.SetDrift(drift)
		b.SetDrift(-drift)
		g.w.SetLink(a, b, Link{Cut: true})
		g.w.SetLink(b, a, Link{Cut: true})
		for range 200 { // the first are delivered before the clock is known again
			require.Equal(t, intentra.Queued, a.Send(b.Key(), g.message(1, intentra.Reliable, 1000)).Status)
		}
		g.w.run(t, 5*time.Minute)
		g.w.SetLink(a, b, Link{Delay: 5 * time.Millisecond, Rate: 500_000, Queue: 1 << 20})
		g.w.SetLink(b, a, Link{Delay: 5 * time.Millisecond})
		g.w.await(t, 20*time.Second, func() bool { return g.known+g.plain == 200 })
		require.NotZero(t, g.known)
	}
}

// A message that is passed on keeps its age, with the bounds of both hops.
func TestAgeOverTwoHops(t *testing.T) {
	g, a, b := newAged(t, intentra.Config{})
	c := g.w.node(t, "c")
	g.w.connect(t, c, b)
	c.JumpClock(17 * time.Second)
	c.SetDrift(50)
	g.w.SetLink(a, b, Link{Delay: 40 * time.Millisecond})
	g.compare(c, b)
	b.OnMessage = func(_ intentra.PublicKey, m intentra.Message) {
		m.Payload = append([]byte(nil), m.Payload...)
		arrived := b.Now()
		g.w.After(70*time.Millisecond, func() {
			m.Age += time.Duration(b.Now() - arrived)
			b.Send(c.Key(), m)
		})
	}
	c.OnMessage = func(_ intentra.PublicKey, m intentra.Message) {
		g.got(m)
		require.Greater(t, m.Within, 9*time.Millisecond, "of both hops, whose clocks were compared over 5 ms")
	}
	for range 10 {
		a.Send(b.Key(), g.message(1, intentra.Latest, 10))
		g.w.run(t, time.Second)
	}
	require.Equal(t, 10, g.known)
}

// A message without a token and a stamp is as large as ever, and one with a stamp by 10 to 17
// bytes larger. One that fits a datagram only without its stamp goes without.
func TestStampOnTheWire(t *testing.T) {
	w := newWorld(t, 1)
	a, b := w.pair(t, intentra.Config{MaxDatagram: conn.AcceptedDatagram})
	w.run(t, time.Second)
	size := 0
	w.Tap(func(d Datagram) (pass Action) {
		if d.From == a.Addr() {
			size = max(size, len(d.Data))
		}
		return pass
	})
	var got intentra.Message
	b.OnMessage = func(_ intentra.PublicKey, m intentra.Message) { got = m }
	length := func(m intentra.Message) int {
		size = 0
		require.Equal(t, intentra.Queued, a.Send(b.Key(), m).Status)
		w.run(t, 0)
		n := size
		w.run(t, time.Second)
		return n
	}
	for _, n := range []int{0, 1, 63, 64, 1000} {
		for i, intent := range []intentra.Intent{intentra.Realtime, intentra.Latest, intentra.Reliable} {
			m := intentra.Message{Channel: 5, Intent: intent, Payload: make([]byte, n)}
			plain := wire.Overhead + 1 + 1 + (1 + min(n/64, 1)) + n // type, channel, length
			if i == 2 {
				plain += 8 + 2 // sequence and distance
			}
			require.Equal(t, plain, length(m), "%d bytes, %v", n, intent)
			m.TTL = time.Hour
			require.Equal(t, plain, length(m))
			m.Stamp = true
			require.Equal(t, plain+10, length(m))
			m.Within = time.Hour
			require.Equal(t, plain+10+7, length(m))
		}
	}
	peerOf(t, b, a).Clock()
	w.run(t, time.Second)
	a.Send(b.Key(), intentra.Message{Stamp: true, Payload: make([]byte, 1100)})
	w.run(t, 10*time.Millisecond)
	require.True(t, got.Stamp)
	a.Send(b.Key(), intentra.Message{Stamp: true, Payload: make([]byte, conn.AcceptedDatagram-wire.Overhead-4)})
	w.run(t, 10*time.Millisecond)
	require.False(t, got.Stamp)
	require.Len(t, got.Payload, conn.AcceptedDatagram-wire.Overhead-4)
}
