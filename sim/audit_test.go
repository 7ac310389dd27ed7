package sim

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/internal/race"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/stages"
)

// audited returns two connected nodes of a world with Audit. The stages are b's.
func audited(t *testing.T, cfg intentra.Config) (a, b *Node) {
	w := New(1)
	w.Audit()
	a, b = w.node(t, "a"), w.node(t, "b", cfg)
	w.connect(t, a, b)
	return a, b
}

// behindAck adds a stage after ack that calls f with each message.
func behindAck(f func(p *pipeline.Packet) pipeline.Verdict) intentra.Config {
	return intentra.Config{Stages: func(s *stages.Set) error {
		s.InsertAfter("ack", pipeline.Func("broken", []string{"dropped"}, f))
		return nil
	}}
}

// numbered sends n numbered messages of one intent on one channel.
func numbered(from, to *Node, intent intentra.Intent, n int) {
	for i := range n {
		from.Send(to.Key(), intentra.Message{Channel: 7, Intent: intent, Payload: binary.BigEndian.AppendUint32(nil, uint32(i))})
	}
}

// A world without a fault in the core passes the audit through all faults of the
// network, and the audit sees all of it.
func TestAuditPasses(t *testing.T) {
	race.SkipHistory(t)
	for _, intent := range []intentra.Intent{intentra.Realtime, intentra.Latest, intentra.Reliable} {
		w := New(1)
		w.Audit()
		a, b := w.pair(t, intentra.Config{RekeyAfterPackets: 32})
		w.SetDefault(Link{
			Delay: 5 * time.Millisecond, Jitter: 20 * time.Millisecond, Loss: 0.1, Duplicate: 0.2, Corrupt: 0.02, Truncate: 0.02,
			Reorder: 0.2, ReorderDelay: 50 * time.Millisecond,
		})
		for i := range 40 {
			for range 20 { // equal messages
				numbered(a, b, intent, 10)
				numbered(b, a, intent, 10)
				w.run(t, 5*time.Millisecond)
			}
			switch i {
			case 10:
				require.NoError(t, b.Restart())
			case 20:
				require.NoError(t, a.Restart())
				require.NoError(t, a.Dial(b.Key()))
			case 30:
				b.Suspend()
			case 35:
				b.Resume()
				a.JumpClock(time.Hour)
			}
		}
		_, err := w.Settle(30 * time.Second)
		require.NoError(t, err)
		require.Greater(t, b.Delivered(), uint64(100))
		require.Greater(t, w.audit.ledger.Seals(), uint64(400))
		require.Greater(t, w.audit.ledger.Keys(), 8)
	}
}

// The audit reports a message that leaves a queue and does not enter the chain,
// and one in the chain that has not left a queue.
func TestAuditSeesTheSender(t *testing.T) {
	a, b := audited(t, intentra.Config{})
	numbered(a, b, intentra.Realtime, 1)
	require.NoError(t, a.w.Run(time.Second))
	a.proc.ep.Outbound().DropTooLarge(new(pipeline.Packet))
	a.Send(b.Key(), message("y"))
	err := a.w.Run(time.Second)
	require.ErrorIs(t, err, ErrConservation)
	require.ErrorContains(t, err, "a: messages not conserved: 2 taken out of the queues, 3 in the outbound chain")
}

// A Reliable message is undelivered until it has arrived, unless its sender has
// given it up.
func TestUndelivered(t *testing.T) {
	a, b := audited(t, intentra.Config{})
	w := a.w
	require.NoError(t, w.Undelivered())
	numbered(a, b, intentra.Realtime, 3)
	require.NoError(t, w.Undelivered())
	numbered(a, b, intentra.Reliable, 3)
	a.Send(b.Key(), intentra.Message{Channel: 9, Intent: intentra.Reliable, Payload: []byte("x")})
	require.ErrorIs(t, w.Undelivered(), ErrUndelivered)
	require.ErrorContains(t, w.Undelivered(), "Reliable message 2 on channel 7 from a to b; the last delivered is -1")
	w.run(t, time.Second)
	require.NoError(t, w.Undelivered())

	numbered(a, b, intentra.Reliable, 3)
	b.Room = func(intentra.PublicKey) bool { return false }
	w.run(t, time.Second)
	require.ErrorContains(t, w.Undelivered(), "message 5 on channel 7")
	numbered(b, a, intentra.Reliable, 3)
	require.NoError(t, b.Restart())
	require.NoError(t, w.Undelivered(), "the nodes are not connected")
	b.Room = nil
	w.await(t, 10*time.Second, func() bool { return w.Undelivered() != nil })
	require.ErrorContains(t, w.Undelivered(), "from a to b", "messages queued at b are lost with its process")
	w.await(t, time.Second, func() bool { return w.Undelivered() == nil })
	require.EqualValues(t, 3+3+1+3, b.Delivered())
}

// The audit reports a message that the chain has accepted and the user has not
// got.
func TestConservationSeesTheUser(t *testing.T) {
	a, b := audited(t, intentra.Config{})
	numbered(a, b, intentra.Realtime, 3)
	require.NoError(t, a.w.Run(time.Second))
	require.EqualValues(t, 3, b.proc.taken)
	b.proc.taken--
	numbered(a, b, intentra.Realtime, 1)
	require.ErrorIs(t, a.w.Run(time.Second), ErrConservation)
}

// The audit reports a counter that was used again, though the seal stage has
// refused it.
func TestConservationSeesRefusedSeals(t *testing.T) {
	a, _ := audited(t, intentra.Config{})
	counts := a.proc.ep.Outbound().Counts()
	require.Zero(t, sealRefused(&counts))
	for i := range counts.Drops {
		counts.Drops[i].Packets = 3 // of every reason
	}
	require.EqualValues(t, 3, sealRefused(&counts))
}

// Each promise is broken by a stage of the receiver, or past it, and reported.
func TestAuditFinds(t *testing.T) {
	var round uint32
	var before []byte
	for name, tc := range map[string]struct {
		intent intentra.Intent
		stage  func(p *pipeline.Packet) pipeline.Verdict
		want   error
	}{
		"changed": {intentra.Realtime, func(p *pipeline.Packet) pipeline.Verdict {
			p.SetPayload([]byte("forged"))
			return pipeline.Accept
		}, ErrNotSent},
		"changed, Latest": {intentra.Latest, func(p *pipeline.Packet) pipeline.Verdict {
			p.SetPayload([]byte("forged"))
			return pipeline.Accept
		}, ErrNotSent},
		"changed, Reliable": {intentra.Reliable, func(p *pipeline.Packet) pipeline.Verdict {
			p.SetPayload([]byte("forged"))
			return pipeline.Accept
		}, ErrNotSent},
		"another channel": {intentra.Realtime, func(p *pipeline.Packet) pipeline.Verdict {
			p.Channel++
			return pipeline.Accept
		}, ErrNotSent},
		"again": {intentra.Realtime, func(p *pipeline.Packet) pipeline.Verdict {
			p.SetPayload(make([]byte, 4)) // the first one's
			return pipeline.Accept
		}, ErrNotSent},
		"a gap": {intentra.Reliable, func(p *pipeline.Packet) pipeline.Verdict {
			if binary.BigEndian.Uint32(p.Payload()) == 5 {
				return pipeline.DropFirst
			}
			return pipeline.Accept
		}, ErrGap},
		"again, Reliable": {intentra.Reliable, func(p *pipeline.Packet) pipeline.Verdict {
			p.SetPayload([]byte{0, 0, 0, p.Payload()[3] / 2})
			return pipeline.Accept
		}, ErrGap},
		"back": {intentra.Latest, func(p *pipeline.Packet) pipeline.Verdict {
			if before == nil {
				before = append(before, p.Payload()...)
			} else if round == 3 {
				p.SetPayload(before)
			}
			return pipeline.Accept
		}, ErrStale},
	} {
		t.Run(name, func(t *testing.T) {
			a, b := audited(t, behindAck(tc.stage))
			for round = range 4 {
				if round == 3 && tc.want == ErrStale {
					a.Send(b.Key(), intentra.Message{Channel: 7, Intent: intentra.Latest, Payload: []byte("newer")})
				} else {
					numbered(a, b, tc.intent, 10+int(round))
				}
				_ = a.w.Run(time.Second)
			}
			require.ErrorIs(t, a.w.Err(), tc.want)
			require.ErrorContains(t, a.w.Err(), "on channel")
			require.ErrorContains(t, a.w.Err(), "from a to b")
			require.ErrorContains(t, a.w.Err(), "seed 1")
		})
	}
}

// noReplay replaces the replay window and has no memory.
type noReplay struct{ pipeline.Stage }

func (noReplay) ReadsPlaintext() bool { return false }

// Without the replay window, packets that arrive twice deliver twice.
func TestAuditFindsReplays(t *testing.T) {
	fresh := pipeline.Func("replay", nil, func(p *pipeline.Packet) pipeline.Verdict {
		p.MarkFresh()
		return pipeline.Accept
	})
	a, b := audited(t, intentra.Config{
		BuildOptions: []pipeline.Option{pipeline.InsecureWithout("replay")},
		Stages: func(s *stages.Set) error {
			s.Replace("replay", noReplay{fresh})
			return nil
		},
	})
	a.w.SetLink(a, b, Link{Duplicate: 1})
	numbered(a, b, intentra.Realtime, 1)
	err := a.w.Run(time.Second)
	require.ErrorIs(t, err, ErrReplayed)
	require.ErrorContains(t, err, "counters: realtime message of 4 bytes on channel 7 from a to b")
}

// Messages of one packet, and those that it releases, share its counter.
func TestCounters(t *testing.T) {
	opened := uint64(0)
	s := &sessions{opened: &opened}
	id := func(n uint32) pipeline.ID { return pipeline.MakeID(n, 1) }
	s.SessionOpened(pipeline.SessionNotice{Session: id(0)})
	s.EpochOpened(pipeline.EpochNotice{Session: id(0), Epoch: id(1)})
	s.EpochOpened(pipeline.EpochNotice{Session: id(0), Epoch: id(2)})
	w := s.get(id(0))
	require.NoError(t, w.count(id(1), 5, 1))
	require.NoError(t, w.count(id(1), 5, 1), "the same packet")
	require.NoError(t, w.count(id(2), 5, 2), "another epoch")
	require.NoError(t, w.count(id(1), 1<<40, 3))
	require.NoError(t, w.count(id(1), 4, 4), "out of order")
	require.ErrorIs(t, w.count(id(1), 5, 5), ErrReplayed)
	require.ErrorIs(t, w.count(id(1), 1<<40, 6), ErrReplayed)
	s.EpochClosed(pipeline.EpochNotice{Session: id(0), Epoch: id(1)})
	require.ErrorIs(t, w.count(id(1), 9, 7), ErrReplayed, "of a closed epoch")
	s.SessionClosed(pipeline.SessionNotice{Session: id(0)})
	require.Nil(t, s.get(id(0)))
	s.SessionOpened(pipeline.SessionNotice{Session: id(0)})
	require.EqualValues(t, 2, s.get(id(0)).serial)
}

// The audit reports a message that is delivered as from another sender.
func TestAuditFindsOtherSenders(t *testing.T) {
	w := New(1)
	w.Audit()
	a, b, c := w.node(t, "a"), w.node(t, "b"), w.node(t, "c")
	w.connect(t, a, b)
	w.connect(t, c, b)
	a.Send(b.Key(), message("x"))
	w.run(t, time.Second)
	p := b.proc
	a.Send(b.Key(), message("y"))
	session := pipeline.MakeID(0, 1)
	pk := &pipeline.Packet{Session: session, Epoch: p.audit.sessions.get(session).epochs[0].id, Counter: 1 << 40}
	w.audit.delivered(p, p.ep.Peer(c.Key()), pk, message("y"))
	require.ErrorIs(t, w.Err(), ErrNotSent)
	require.ErrorContains(t, w.Err(), "from c to b")
}

func TestAuditBounds(t *testing.T) {
	for name, tc := range map[string]struct {
		shrink func(n *Node)
		want   string
	}{
		"peers":    {func(n *Node) { n.cfg.MaxPeers = 0 }, "peers are 1, the limit is 0"},
		"states":   {func(n *Node) { n.cfg.SendQueueMessages = 9 }, "waiting states are 10, the limit is 9"},
		"reliable": {func(n *Node) { n.cfg.ReliableQueueMessages = 4 }, "waiting Reliable messages are 5, the limit is 4"},
		"bytes": {func(n *Node) {
			n.cfg.SendQueueBytes, n.cfg.ReliableQueueBytes = 0, 58-n.cfg.MaxDatagram
		}, "waiting bytes are 60, the limit is 58"},
		"held bytes": {func(n *Node) { n.w.audit.held = -1 }, "held bytes are 0, the limit is -1"},
		"handshakes": {func(n *Node) { n.cfg.MaxHandshakes = -1 }, "handshakes in flight are 0, the limit is -1"},
	} {
		t.Run(name, func(t *testing.T) {
			a, b := audited(t, intentra.Config{})
			tc.shrink(a)
			numbered(a, b, intentra.Realtime, 10)
			numbered(a, b, intentra.Reliable, 5)
			err := a.w.Run(time.Second)
			require.ErrorIs(t, err, ErrBounds)
			require.ErrorContains(t, err, "a: "+tc.want)
		})
	}
}

func TestAuditFindsKeyReuse(t *testing.T) {
	a, b := audited(t, intentra.Config{})
	a.w.audit.ledger.Owner("x").Sealed([16]byte{1}, 1)
	numbered(a, b, intentra.Realtime, 1)
	require.ErrorIs(t, a.w.Run(time.Second), ErrKeyReuse)
}

// The audit reports a handshake that exists for longer than its time-out.
func TestAuditFindsStuckHandshakes(t *testing.T) {
	w := New(1)
	w.Audit()
	a, b := w.node(t, "a"), w.node(t, "b")
	require.NoError(t, a.Dial(b.Key()))
	w.await(t, time.Second, func() bool { return b.Stats().HandshakesInFlight == 1 })
	a.Kill()
	w.run(t, time.Second)
	b.cfg.HandshakeTimeout = 100 * time.Millisecond // unknown to the endpoint
	b.Do(func(*conn.Endpoint, pipeline.Time) {})
	require.ErrorIs(t, w.Run(time.Second), ErrStuck)
}

// The audit reports a rekey that takes longer than it may.
func TestAuditFindsStuckRekeys(t *testing.T) {
	w := New(1)
	w.Audit()
	a, b := w.pair(t, intentra.Config{RekeyAfterPackets: 32})
	w.await(t, time.Second, func() bool {
		numbered(a, b, intentra.Realtime, 1)
		_, ok := a.proc.ep.OldestRekey()
		return ok
	})
	began, _ := a.proc.ep.OldestRekey()
	require.NoError(t, a.proc.audit.rekeying.check(a, began))
	limit := began + pipeline.Time(rekeyWithin+a.cfg.IdleTimeout)
	require.NoError(t, a.proc.audit.rekeying.check(a, limit))
	require.NoError(t, a.proc.audit.rekeying.check(a, limit+1), "checked once a second")
	err := a.proc.audit.rekeying.check(a, limit+rekeyLook)
	require.ErrorIs(t, err, ErrStuck)
	a.clock.leapt = limit
	require.NoError(t, a.proc.audit.rekeying.check(a, limit+2*rekeyLook), "the clock has leapt")
}

func TestAdmitted(t *testing.T) {
	var a admitted
	require.Zero(t, a.since(0, 10, 0))
	require.EqualValues(t, 3, a.since(0, 10, 3))
	require.EqualValues(t, 5, a.since(0, 20, 5))
	require.EqualValues(t, 5, a.since(9, 21, 5))
	require.EqualValues(t, 2, a.since(10, 21, 5))
	require.EqualValues(t, 2, a.since(19, 21, 5))
	require.Zero(t, a.since(20, 21, 5))
	require.Len(t, a.log, 1)
	require.EqualValues(t, 1, a.since(20, 22, 6))
}

// The audit reports a node that dials and has not tried lately.
func TestAuditFindsDialsThatHaveStopped(t *testing.T) {
	a, b := audited(t, intentra.Config{})
	w := a.w
	b.Kill()
	w.run(t, time.Minute) // it keeps trying
	require.Greater(t, a.Heard(conn.NeedAddress), 5)
	a.proc.audit.dialling.list[0].since -= pipeline.Time(time.Hour)
	err := w.Run(10 * time.Second)
	require.ErrorIs(t, err, ErrStuck)
	require.ErrorContains(t, err, "a has not dialled b")
}

// A round of attempts may last longer the more addresses the peer has: each may have answered
// before the attempt failed. Addresses count once, and those of the answer before as well.
func TestAuditOfDialsToSeveralAddresses(t *testing.T) {
	a, b := audited(t, intentra.Config{})
	w, d := a.w, &a.proc.audit.dialling
	b.Kill()
	w.run(t, time.Minute)
	x := &d.list[0]
	require.Equal(t, b.Key(), x.key)
	last, now := pipeline.Time(conn.WaitLimit*a.cfg.HandshakeTimeout), a.Now()
	for addresses := 1; addresses <= 3; addresses++ {
		x.addresses = addresses
		x.since = now - pipeline.Time(redialWithin) - pipeline.Time(addresses)*last
		require.NoError(t, d.check(a, now))
		require.Len(t, d.list, 1)
		x.since--
		require.ErrorIs(t, d.check(a, now), ErrStuck)
	}
	at := func(list ...string) (all []netip.AddrPort) {
		for _, s := range list {
			all = append(all, netip.MustParseAddrPort(s))
		}
		return all
	}
	a.SetAddress(b.Key(), at("10.0.0.1:1", "10.0.0.2:1")...)
	d.resolve(a, b.Key())
	require.Equal(t, 2, d.resolve(a, b.Key()))
	a.SetAddress(b.Key(), at("10.0.0.2:1", "10.0.0.3:1")...)
	require.Equal(t, 3, d.resolve(a, b.Key()))
	require.Equal(t, 2, d.resolve(a, b.Key()))
	a.SetAddress(b.Key(), netip.AddrPort{})
	require.Equal(t, 2, d.resolve(a, b.Key()))
	require.Equal(t, 1, d.resolve(a, b.Key()), "its name does not resolve")
}

func TestAuditComesFirst(t *testing.T) {
	w := New(1)
	w.Audit()
	w.Audit()
	w.node(t, "a")
	require.Panics(t, w.Audit)
}

// Outcomes that are missing, double or of no message are noticed.
func TestAuditNoticesOutcomes(t *testing.T) {
	p := func() *Node {
		w := newWorld(t, 1)
		a, _ := w.pair(t)
		return a
	}()
	var k tokens
	k.watch(p.proc, intentra.Config{OnDelivery: func(intentra.Delivery) {}})
	d := intentra.Delivery{Token: 7}
	require.ErrorIs(t, k.decided(d), ErrToken)
	k.sent(intentra.Message{Token: 7})
	k.sent(intentra.Message{Token: 7})
	k.sent(intentra.Message{})
	require.NoError(t, k.decided(d))
	require.ErrorIs(t, k.ended(), ErrToken)
	require.NoError(t, k.decided(d))
	require.ErrorIs(t, k.decided(d), ErrToken)
	require.NoError(t, k.ended())
}

// Ages out of their bound are noticed, unless a clock has leapt.
func TestAuditNoticesAges(t *testing.T) {
	w := New(1)
	w.Audit()
	a, b := w.pair(t)
	m := intentra.Message{Channel: 1, Intent: intentra.Realtime, Payload: []byte("x")}
	a.Send(b.Key(), m)
	w.run(t, 30*time.Millisecond)
	age := func(age, within time.Duration) error {
		m.Stamp, m.Age, m.Within = true, age, within
		return w.audit.age(b, a.Key(), m)
	}
	require.NoError(t, age(30*time.Millisecond, 0))
	require.NoError(t, age(20*time.Millisecond, 10*time.Millisecond))
	require.ErrorIs(t, age(20*time.Millisecond, 9*time.Millisecond), ErrAge)
	require.ErrorIs(t, age(-time.Millisecond, 0), ErrAge)
	m.Payload = []byte("of an unknown time")
	require.NoError(t, age(time.Hour, 0))
	require.ErrorIs(t, age(-time.Millisecond, 0), ErrAge)
	b.JumpClock(time.Second)
	require.NoError(t, age(-time.Hour, 0))
}
