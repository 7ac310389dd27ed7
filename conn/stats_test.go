package conn_test

import (
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

// Plus covers every field: it adds counters, and takes sizes from its argument.
func TestStatsPlus(t *testing.T) {
	sizes := map[string]bool{"HandshakesInFlight": true, "HandshakesWaiting": true, "Peers": true, "Sessions": true, "HeldBytes": true, "FragmentBytes": true, "SendMemory": true}
	var a, b conn.Stats
	fill := func(s *conn.Stats, n uint64) {
		v := reflect.ValueOf(s).Elem()
		for i := range v.NumField() {
			switch f := v.Field(i); f.Kind() {
			case reflect.Uint64:
				f.SetUint(n)
			case reflect.Int:
				f.SetInt(int64(n))
			case reflect.Array:
				for j := range f.Len() {
					f.Index(j).SetUint(n + uint64(j))
				}
			default:
				t.Fatalf("a field of another kind: %s", v.Type().Field(i).Name)
			}
		}
	}
	fill(&a, 100)
	fill(&b, 7)
	sum := reflect.ValueOf(a.Plus(b))
	for i := range sum.NumField() {
		name := sum.Type().Field(i).Name
		switch f := sum.Field(i); {
		case sizes[name]:
			require.EqualValues(t, 7, f.Int(), name)
		case f.Kind() == reflect.Array:
			for j := range f.Len() {
				require.EqualValues(t, 107+2*j, f.Index(j).Uint(), name)
			}
		default:
			require.EqualValues(t, 107, f.Uint(), name)
		}
	}
}

// Replies that do not fit among the datagrams to be sent are counted as lost, not
// as sent.
func TestLostRepliesAreCounted(t *testing.T) {
	w := newWorld(t, 7)
	a, b := w.pair()
	const n = 900
	b.do(func(e *conn.Endpoint, now pipeline.Time) {
		f, before := new(conn.Initiator), e.Stats()
		for i := range n {
			e.HandleDatagram(wire.Datagram{Data: f.Init(), Addr: addrOf(i, 1)}, now)
		}
		after := e.Stats()
		lost := after.RepliesLost - before.RepliesLost
		require.EqualValues(t, conn.TransmitBatch, after.CookiesSent-before.CookiesSent)
		require.EqualValues(t, conn.TransmitBatch, after.PacketsOut-before.PacketsOut)
		require.NotZero(t, lost)
		require.Equal(t, uint64(n), conn.TransmitBatch+lost+b.drops("cookie/reply_budget")+b.drops("cookie/reply_share"))

		s := b.session(a)
		require.False(t, s.SendFrames(wire.AppendPing(nil), now))
		require.Equal(t, lost+1, e.Stats().RepliesLost-before.RepliesLost)
		require.Len(t, e.Outgoing(), conn.TransmitBatch)
		require.True(t, s.SendFrames(wire.AppendPing(nil), now))
		require.Equal(t, lost+1, e.Stats().RepliesLost-before.RepliesLost)
	})
}
