package conn

import (
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"
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
