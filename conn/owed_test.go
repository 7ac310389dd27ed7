package conn

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/internal/seed"
	"github.com/intentra/intentra/pipeline"
)

// The ring is a queue whatever it is filled and emptied with.
func TestOwedIsAQueue(t *testing.T) {
	r := seed.Rand(t)
	var o owed
	var model []owedAck
	for i := range 10_000 {
		if r.IntN(2) == 0 || len(model) == 0 {
			a := owedAck{at: pipeline.Time(i), session: pipeline.MakeID(uint32(i), 1)}
			o.push(a)
			model = append(model, a)
		} else {
			require.Equal(t, model[0], o.pop())
			model = model[1:]
		}
		at, ok := o.next()
		require.Equal(t, len(model) > 0, ok)
		if ok {
			require.Equal(t, model[0].at, at)
			require.Equal(t, model[len(model)-1], *o.back())
		}
	}
}
