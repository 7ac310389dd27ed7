package intentra

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/internal/seed"
	"github.com/intentra/intentra/pipeline"
)

// A ring is a queue, whatever the order of push and pop, and its slots are
// used again.
func TestRingIsAQueue(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	var r ring
	var model []string
	most := 0
	for i := range 10_000 {
		if len(model) > 0 && random.IntN(100) < 49 {
			l := r.pop()
			require.Equal(t, model[0], string(l.payload))
			require.Equal(t, model[0], fmt.Sprint(l.channel, l.intent))
			model = model[1:]
		} else {
			intent := Intent(1 + random.IntN(3))
			model = append(model, fmt.Sprint(i, intent))
			r.push(uint32(i), intent, []byte(model[len(model)-1]))
		}
		require.Equal(t, len(model), r.n)
		most = max(most, r.n)
	}
	require.LessOrEqual(t, len(r.slots), max(8, 2*most), "it grows only as it is used")
	for r.n > 0 {
		r.pop()
	}
	payload := make([]byte, 8)
	for range r.slots {
		// Each slot makes its buffer when it is first used.
		r.push(1, Latest, payload)
		r.pop()
	}
	require.Zero(t, testing.AllocsPerRun(100, func() {
		r.push(1, Latest, payload)
		r.pop()
	}))
}

// Thousands of peers with mail take turns: each gets one in a round, in the
// order in which their mail came, whatever other receivers take meanwhile, and
// to wait in turn takes no memory.
func TestManyPeersTakeTurns(t *testing.T) {
	random := seed.Rand(t)
	const limit = 8
	var m mailroom
	m.init(limit)
	peers := make([]*Peer, 2000)
	for i := range peers {
		peers[i] = new(Peer)
	}
	put := func(p *Peer, n uint32) { m.put(p, &pipeline.Packet{Channel: n, Intent: Latest}) }

	var model []*Peer // in turn; a peer without mail has none
	in := map[*Peer]bool{}
	mail := map[*Peer][]uint32{}
	line := func(p *Peer) {
		if !in[p] {
			in[p], model = true, append(model, p)
		}
	}
	for i := range uint32(50_000) {
		p := peers[random.IntN(len(peers))]
		switch {
		case random.IntN(2) == 0:
			if len(mail[p]) < limit {
				put(p, i)
				mail[p] = append(mail[p], i)
				line(p)
			}
		case random.IntN(4) == 0 && len(mail[p]) > 0:
			got, err := m.receive(context.Background(), p)
			require.NoError(t, err)
			require.Equal(t, mail[p][0], got.Channel)
			if mail[p] = mail[p][1:]; len(mail[p]) > 0 {
				line(p)
			} else {
				at := slices.Index(model, p)
				in[p], model = false, slices.Delete(model, at, at+1)
			}
			require.False(t, p.mail.queued && len(mail[p]) == 0)
		default:
			if len(model) == 0 {
				continue
			}
			want := model[0]
			in[want], model = false, model[1:]
			got, err := m.receiveAny(context.Background())
			require.NoError(t, err)
			require.Same(t, want, got.Peer)
			require.Equal(t, mail[want][0], got.Message.Channel)
			if mail[want] = mail[want][1:]; len(mail[want]) > 0 {
				line(want)
			}
		}
	}

	m.close()
	for {
		if _, err := m.receiveAny(context.Background()); err != nil {
			require.ErrorIs(t, err, errClosed)
			break
		}
	}
	require.Equal(t, turns{}, m.turns, "no peer is kept")

	for _, p := range peers {
		put(p, 0)
	}
	pk := &pipeline.Packet{Intent: Latest}
	require.Zero(t, testing.AllocsPerRun(2*len(peers), func() {
		got, err := m.receiveAny(context.Background())
		if err != nil {
			t.Error(err)
		}
		m.put(got.Peer, pk)
	}))
}

// Who reads each peer for itself leaves nothing behind of those that are gone,
// whether their last message is read before they are forgotten or after.
func TestReadAndForgottenPeersAreNotKept(t *testing.T) {
	for _, readFirst := range []bool{true, false} {
		var m mailroom
		m.init(DefaultReceiveQueue)
		stays := new(Peer)
		m.put(stays, packetOf(0, Latest, nil))
		for range 2 * maxForgotten {
			p := new(Peer)
			m.put(p, packetOf(1, Latest, []byte("x")))
			m.put(p, packetOf(2, Reliable, []byte("y")))
			if !readFirst {
				m.forget(p)
			}
			for _, want := range []string{"y", "x"} {
				got, err := m.receive(t.Context(), p)
				require.NoError(t, err)
				require.Equal(t, want, string(got.Payload))
			}
			if readFirst {
				m.forget(p)
			}
			require.Equal(t, turns{stays, stays}, m.turns)
			require.Empty(t, m.forgotten)
			require.Equal(t, box{ended: true, signal: p.mail.signal}, *p.mail, "not even its slots")
		}
		require.Nil(t, stays.mail.prev)
		require.Nil(t, stays.mail.next)
		require.Zero(t, m.dropped())
	}
}

// Of the peers that were forgotten with mail that nobody read, the last ones
// keep theirs, in the order in which it came; all else is counted as dropped.
func TestUnreadMailOfForgottenPeersIsBounded(t *testing.T) {
	const more, each = 10, 3
	var m mailroom
	m.init(DefaultReceiveQueue)
	stays := new(Peer)
	m.put(stays, packetOf(0, Latest, nil))
	peers := make([]*Peer, maxForgotten+more)
	for i := range peers {
		peers[i] = new(Peer)
		m.put(peers[i], packetOf(0, Latest, nil))
		m.put(peers[i], packetOf(1, Reliable, nil))
		m.put(peers[i], packetOf(2, Latest, nil))
	}
	// One of those that go first is read in time, and makes no other give way.
	m.forget(peers[1])
	for range each {
		_, err := m.receive(t.Context(), peers[1])
		require.NoError(t, err)
	}
	for i, p := range peers {
		if i != 1 {
			m.forget(p)
		}
		unread := 0
		for q := m.turns.first; q != nil; q = q.mail.next {
			if q.mail.ended {
				unread++
			}
		}
		require.LessOrEqual(t, unread, maxForgotten)
	}
	require.EqualValues(t, (more-1)*each, m.dropped())
	for i, p := range peers {
		if gone := i < more && i != 1; gone {
			require.EqualValues(t, each, p.mail.overwritten, i)
			require.Nil(t, p.mail.state.slots)
			_, err := m.receive(t.Context(), p)
			require.ErrorIs(t, err, errClosed)
		} else {
			require.Zero(t, p.mail.overwritten, i)
		}
	}
	order := append([]*Peer{stays}, peers[more:]...)
	for range each {
		for _, want := range order {
			got, err := m.receiveAny(t.Context())
			require.NoError(t, err)
			require.Same(t, want, got.Peer)
		}
		order = peers[more:]
	}
	require.Equal(t, turns{}, m.turns)
	require.Empty(t, m.forgotten)
}

// A ring that the limit lets grow keeps its slots when it is empty, whatever the
// limit: filling it and reading it takes no memory.
func TestRingsWithinTheLimitAreKept(t *testing.T) {
	for _, limit := range []int{1, 2, 7, 8, 9, 100, 1000, 1024, 1025} {
		var m mailroom
		m.init(limit)
		p := new(Peer)
		latest, rel := packetOf(1, Latest, nil), packetOf(1, Reliable, nil)
		require.Zero(t, testing.AllocsPerRun(3, func() {
			for range limit {
				m.put(p, latest)
				m.put(p, rel)
			}
			for range 2 * limit {
				if _, err := m.receiveAny(context.Background()); err != nil {
					t.Error(err)
				}
			}
		}), limit)
	}
}
