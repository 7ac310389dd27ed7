package sim

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
)

// ledger records what an application learns of its tokens, and of the messages that its
// peer has given up.
type ledger struct {
	outcomes map[uint64][]intentra.Delivery
	givenUp  []uint32
	got      []intentra.Received
}

func (l *ledger) config(cfg intentra.Config) intentra.Config {
	l.outcomes = map[uint64][]intentra.Delivery{}
	cfg.Authorize = intentra.AllowAny
	cfg.OnDelivery = func(d intentra.Delivery) { l.outcomes[d.Token] = append(l.outcomes[d.Token], d) }
	cfg.OnGivenUp = func(_ *intentra.Peer, channel uint32) { l.givenUp = append(l.givenUp, channel) }
	cfg.Handler = func(m intentra.Received) {
		m.Payload = append([]byte(nil), m.Payload...)
		l.got = append(l.got, m)
	}
	return cfg
}

// outcome returns the one outcome of a token.
func (l *ledger) outcome(t *testing.T, token uint64) intentra.Delivery {
	require.Len(t, l.outcomes[token], 1, "token %d", token)
	return l.outcomes[token][0]
}

// ledgers returns two connected nodes with ledgers, the first of which has dialled.
func ledgers(t *testing.T, cfg intentra.Config) (w *World, a, b *Node, ofA, ofB *ledger) {
	w = New(1)
	w.Audit()
	ofA, ofB = new(ledger), new(ledger)
	a, err := w.Node("a", netip.AddrPort{}, ofA.config(cfg))
	require.NoError(t, err)
	b, err = w.Node("b", netip.AddrPort{}, ofB.config(cfg))
	require.NoError(t, err)
	w.connect(t, a, b)
	return w, a, b, ofA, ofB
}

func command(channel uint32, intent intentra.Intent, token uint64, ttl time.Duration) intentra.Message {
	return intentra.Message{
		Channel: channel, Intent: intent, Payload: binary.BigEndian.AppendUint64(nil, token), Token: token, TTL: ttl,
	}
}

// A token has each outcome when it should, from either side of a session.
func TestOutcomes(t *testing.T) {
	for name, reversed := range map[string]bool{"dialer": false, "dialled": true} {
		t.Run(name, func(t *testing.T) {
			w, a, b, ofA, ofB := ledgers(t, intentra.Config{SendQueueMessages: 4})
			if reversed {
				a, b, ofA, ofB = b, a, ofB, ofA
			}
			for i, intent := range []intentra.Intent{intentra.Realtime, intentra.Latest, intentra.Reliable} {
				require.Equal(t, intentra.Queued, a.Send(b.Key(), command(1, intent, uint64(1+i), 0)).Status)
			}
			w.run(t, time.Second)
			for token := uint64(1); token <= 3; token++ {
				d := ofA.outcome(t, token)
				require.Equal(t, intentra.Acked, d.Outcome)
				require.GreaterOrEqual(t, d.Took, 10*time.Millisecond, "a round trip")
				require.LessOrEqual(t, d.Took, 250*time.Millisecond)
				require.Equal(t, b.Key(), d.Peer.Key())
			}
			require.Len(t, ofB.got, 3)

			// Nothing arrives for a while, and nothing else is sent.
			w.SetLink(a, b, Link{Cut: true})
			a.Send(b.Key(), command(1, intentra.Realtime, 10, 0))
			w.run(t, 100*time.Millisecond)
			w.SetLink(a, b, Link{Delay: 5 * time.Millisecond})
			w.run(t, 3*time.Second)
			require.Equal(t, intentra.Lost, ofA.outcome(t, 10).Outcome)

			// In one turn: 20 to 23 fill the queue, 21 is superseded, 20 displaced.
			for token := uint64(20); token < 24; token++ {
				a.Send(b.Key(), command(uint32(token), intentra.Latest, token, 0))
			}
			a.Send(b.Key(), command(21, intentra.Latest, 24, 0))
			a.Send(b.Key(), command(30, intentra.Realtime, 25, 0))
			w.run(t, time.Second)
			require.Equal(t, intentra.Superseded, ofA.outcome(t, 21).Outcome)
			require.Equal(t, intentra.Displaced, ofA.outcome(t, 20).Outcome)
			for _, token := range []uint64{22, 23, 24, 25} {
				require.Equal(t, intentra.Acked, ofA.outcome(t, token).Outcome)
			}
			require.Zero(t, ofA.outcome(t, 21).Took)

			// The end of the process decides the rest.
			w.SetLink(a, b, Link{Cut: true})
			for i, intent := range []intentra.Intent{intentra.Realtime, intentra.Latest, intentra.Reliable} {
				a.Send(b.Key(), command(2, intent, uint64(40+i), 0))
			}
			w.run(t, 20*time.Millisecond)
			a.Send(b.Key(), command(3, intentra.Reliable, 43, 0))
			a.Close()
			require.NoError(t, w.Err())
			require.Equal(t, intentra.Lost, ofA.outcome(t, 40).Outcome)
			require.Equal(t, intentra.Lost, ofA.outcome(t, 41).Outcome)
			require.Equal(t, intentra.GivenUp, ofA.outcome(t, 42).Outcome)
			require.Equal(t, intentra.GivenUp, ofA.outcome(t, 43).Outcome)
			require.Empty(t, ofA.outcomes[0])
		})
	}
}

// Without OnDelivery a token is nothing, and without a token there is no outcome.
func TestNoOutcomeWithoutToken(t *testing.T) {
	w, a, b, ofA, _ := ledgers(t, intentra.Config{})
	a.Send(b.Key(), command(1, intentra.Reliable, 0, time.Second))
	w.run(t, time.Second)
	require.Empty(t, ofA.outcomes)
	plain := w.node(t, "plain")
	w.connect(t, plain, b)
	plain.Send(b.Key(), command(1, intentra.Reliable, 7, 0))
	w.run(t, time.Second)
	for _, n := range plain.Stats().Fates {
		require.Zero(t, n)
	}
}

// A command that is queued during an outage of 10 s with a TTL of 1 s is not delivered
// afterwards, and one without is. Its receiver learns that its channel has lost one, in
// its place, and other channels do not wait.
func TestTTLDuringAnOutage(t *testing.T) {
	w, a, b, ofA, ofB := ledgers(t, intentra.Config{IdleTimeout: 4 * time.Second})
	a.Send(b.Key(), command(7, intentra.Reliable, 1, time.Second))
	w.run(t, time.Second)
	w.SetLink(a, b, Link{Cut: true})
	w.SetLink(b, a, Link{Cut: true})
	for outage := range 2 { // first with the session, then without
		w.run(t, 5*time.Second*time.Duration(outage))
		token := uint64(10 * (outage + 1))
		for i := range uint64(3) {
			a.Send(b.Key(), command(7, intentra.Reliable, token+i, time.Second))
		}
		a.Send(b.Key(), command(8, intentra.Reliable, token+3, 0))
		a.Send(b.Key(), command(9, intentra.Latest, token+4, time.Second))
		a.Send(b.Key(), command(7, intentra.Reliable, token+5, 0))
		w.run(t, 3*time.Second)
		for i := range uint64(3) {
			d := ofA.outcome(t, token+i)
			require.Equal(t, intentra.Expired, d.Outcome)
			require.GreaterOrEqual(t, d.Took, time.Second)
			require.Less(t, d.Took, 4*time.Second, "it is noticed during the outage")
		}
	}
	require.False(t, a.Connected(b.Key()))
	w.SetLink(a, b, Link{Delay: 5 * time.Millisecond})
	w.SetLink(b, a, Link{Delay: 5 * time.Millisecond})
	w.await(t, 10*time.Second, func() bool { return len(ofA.outcomes[25]) == 1 })
	w.run(t, time.Second)
	var channels []uint32
	for _, m := range ofB.got {
		channels = append(channels, m.Channel)
	}
	require.ElementsMatch(t, []uint32{7, 8, 7, 8, 7}, channels, "1, 13, 15, 23 and 25")
	require.Equal(t, []uint32{7, 7}, ofB.givenUp, "once for each three that follow each other")
	require.EqualValues(t, 2, b.Stats().GivenUp)
}

// A Reliable message that has left and is lost is not sent again after its TTL, and the
// messages after it on its channel are delivered.
func TestTTLOfALostMessage(t *testing.T) {
	w, a, b, ofA, ofB := ledgers(t, intentra.Config{})
	w.SetLink(a, b, Link{Cut: true})
	a.Send(b.Key(), command(7, intentra.Reliable, 1, 50*time.Millisecond))
	a.Send(b.Key(), command(7, intentra.Reliable, 2, 0))
	w.run(t, 60*time.Millisecond)
	w.SetLink(a, b, Link{Delay: 5 * time.Millisecond})
	w.run(t, 2*time.Second)
	require.Equal(t, intentra.Expired, ofA.outcome(t, 1).Outcome)
	require.Equal(t, intentra.Acked, ofA.outcome(t, 2).Outcome)
	require.Len(t, ofB.got, 1)
	require.Equal(t, []uint32{7}, ofB.givenUp)
	require.EqualValues(t, 1, a.Stats().Expired)
}

// A message in time whose acknowledgement is lost is not given up at the receiver.
func TestGivenUpAfterArrivalMeansNothing(t *testing.T) {
	w, a, b, ofA, ofB := ledgers(t, intentra.Config{})
	w.SetLink(b, a, Link{Cut: true})
	a.Send(b.Key(), command(7, intentra.Reliable, 1, 50*time.Millisecond))
	w.run(t, 300*time.Millisecond)
	w.SetLink(b, a, Link{Delay: 5 * time.Millisecond})
	w.run(t, time.Second)
	require.Equal(t, intentra.Expired, ofA.outcome(t, 1).Outcome)
	require.Len(t, ofB.got, 1)
	require.Empty(t, ofB.givenUp)
}

// An urgent Reliable message behind 900 queued ones leaves in the next packet.
func TestUrgentMessageLeavesNext(t *testing.T) {
	w, a, b, _, ofB := ledgers(t, intentra.Config{})
	for i := range uint64(900) {
		require.Equal(t, intentra.Queued, a.Send(b.Key(), command(1, intentra.Reliable, 1+i, 0)).Status)
	}
	m := command(2, intentra.Reliable, 1000, 0)
	m.Priority = intentra.Urgent
	a.Send(b.Key(), m)
	w.run(t, time.Second)
	require.Len(t, ofB.got, 901)
	require.EqualValues(t, 2, ofB.got[0].Channel)
	for i := range uint64(900) { // the others keep their order
		require.Equal(t, 1+i, binary.BigEndian.Uint64(ofB.got[1+i].Payload))
	}
}

// Under full load with all priorities, the lowest gets its share, and a channel keeps
// its order even if its messages have different priorities.
func TestLowestPriorityIsNotStarved(t *testing.T) {
	for _, intent := range []intentra.Intent{intentra.Realtime, intentra.Reliable} {
		w, a, b, _, ofB := ledgers(t, intentra.Config{MaxDatagram: 1172, PeerBandwidth: 50_000, ReliableQueueMessages: 8000, ReliableQueueBytes: 4 << 20})
		number := uint64(0)
		send := func(channel uint32, p intentra.Priority) {
			number++
			m := command(channel, intent, number, 0)
			m.Token, m.Priority, m.Payload = 0, p, append(m.Payload, make([]byte, 200)...)
			a.Send(b.Key(), m)
		}
		for i := range 100 { // each priority alone is more than the bandwidth
			for p := intentra.Low; p <= intentra.Urgent; p++ {
				for range 5 {
					send(uint32(10+int(p)), p)
				}
			}
			send(20, intentra.Low+intentra.Priority(i%4))
			w.run(t, 20*time.Millisecond)
		}
		counts, last := map[uint32]int{}, map[uint32]uint64{}
		for _, m := range ofB.got {
			n := binary.BigEndian.Uint64(m.Payload)
			require.Greater(t, n, last[m.Channel], "in order on its channel")
			last[m.Channel] = n
			counts[m.Channel]++
		}
		if intent == intentra.Reliable {
			require.Greater(t, 20*(counts[9]+counts[20]), len(ofB.got), "%v", counts)
		}
		require.Greater(t, counts[9], 5, "%v", counts)
		require.Greater(t, counts[10], counts[9])
		require.Greater(t, counts[11], counts[10])
		require.Greater(t, counts[12], counts[11])
	}
}

// A message with a negative TTL never leaves, whenever the loop comes to it. A Reliable one
// leaves a notice in its place on the channel.
func TestNegativeTTL(t *testing.T) {
	w, a, b, ofA, ofB := ledgers(t, intentra.Config{})
	for i, intent := range []intentra.Intent{intentra.Realtime, intentra.Latest, intentra.Reliable} {
		require.Equal(t, intentra.Queued, a.Send(b.Key(), command(7, intent, uint64(1+i), -1)).Status)
	}
	a.Send(b.Key(), command(7, intentra.Reliable, 4, 0))
	w.run(t, time.Second)
	for token := uint64(1); token <= 3; token++ {
		require.Equal(t, intentra.Expired, ofA.outcome(t, token).Outcome)
	}
	require.Len(t, ofB.got, 1)
	require.Equal(t, []uint32{7}, ofB.givenUp)
	require.EqualValues(t, 3, a.Transport().Stats().SendDrops[1].Count)
}
