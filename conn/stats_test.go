package conn

import (
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/wire"
)

// Plus leaves no counter out: each number of the sum is that of both, or, if it
// says how large something is, of the later.
func TestStatsPlus(t *testing.T) {
	sizes := map[string]bool{"HandshakesInFlight": true, "Peers": true, "Sessions": true, "HeldBytes": true}
	var a, b Stats
	fill := func(s *Stats, n uint64) {
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

// Replies that find no room among the datagrams to be sent are lost, and are
// counted as that and not as sent.
func TestLostRepliesAreCounted(t *testing.T) {
	w := newNetwork(t, 7)
	a, b := w.pair()
	f := &flooder{b: b}
	before := b.ep.Stats()
	const n = 900
	for i := range n {
		b.ep.HandleDatagram(f.init(), v4(i, 1), w.now)
	}
	after := b.ep.Stats()
	lost := after.RepliesLost - before.RepliesLost
	require.Len(t, b.ep.arena.out, transmitBatch)
	require.EqualValues(t, transmitBatch, after.CookiesSent-before.CookiesSent)
	require.EqualValues(t, transmitBatch, after.PacketsOut-before.PacketsOut)
	require.NotZero(t, lost)
	require.Equal(t, uint64(n), transmitBatch+lost+b.drops("cookie/reply_budget")+b.drops("cookie/reply_share"))

	s := b.session(a)
	require.False(t, b.ep.sendControl(s, s.remote, wire.AppendPing(nil), w.now))
	require.Equal(t, lost+1, b.ep.Stats().RepliesLost-before.RepliesLost)
	b.turn()
	require.True(t, b.ep.sendControl(s, s.remote, wire.AppendPing(nil), w.now))
	require.Equal(t, lost+1, b.ep.Stats().RepliesLost-before.RepliesLost)
}
