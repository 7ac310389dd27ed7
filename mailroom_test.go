package intentra

import (
	"context"
	"fmt"
	"math/rand/v2"
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

	var model []*Peer // in turn; a peer stays when receive empties its box
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
			}
		default:
			for len(model) > 0 && len(mail[model[0]]) == 0 {
				in[model[0]], model = false, model[1:]
			}
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
