package header

import (
	"math/rand/v2"
	"testing"

	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
	"github.com/stretchr/testify/require"
)

func TestTableAgainstMap(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	var table table
	live := map[uint32]pipeline.EpochNotice{} // by number: a new holder displaces the old
	for range 20_000 {
		id := pipeline.MakeID(r.Uint32N(200), uint8(1+r.IntN(3)))
		switch r.IntN(4) {
		case 0:
			n := pipeline.EpochNotice{Peer: pipeline.ID(r.Uint32()), Session: pipeline.ID(r.Uint32()), Epoch: id, Seq: r.Uint32()}
			table.open(n)
			live[id.Number()] = n
		case 1:
			table.close(id)
			if live[id.Number()].Epoch == id {
				delete(live, id.Number())
			}
		default:
			p, h := new(pipeline.Packet), wire.Header{Type: wire.TypeData, Receiver: uint32(id), Counter: r.Uint64()}
			ok, n := table.stamp(p, h), live[id.Number()]
			require.Equal(t, n.Epoch == id, ok, "seed %d", seed)
			if !ok {
				require.Equal(t, new(pipeline.Packet), p)
				continue
			}
			require.Equal(t, &pipeline.Packet{Peer: n.Peer, Session: n.Session, Epoch: id, EpochSeq: n.Seq, Counter: h.Counter}, p)
		}
	}
}

func TestTableHasNoZeroIndex(t *testing.T) {
	var table table
	require.False(t, table.stamp(new(pipeline.Packet), wire.Header{Type: wire.TypeData}))
	table.open(pipeline.EpochNotice{Epoch: pipeline.MakeID(0, 1)})
	require.False(t, table.stamp(new(pipeline.Packet), wire.Header{Type: wire.TypeData}))
}
