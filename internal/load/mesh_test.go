package load

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// A state counts as delivered once, and only if every byte is right and it is from another
// member.
func TestMeshChecksWhatArrives(t *testing.T) {
	m := NewMesh(3, 1, MinState, time.Second, nil)
	receive := func(from uint32, sequence uint64, damage byte) {
		b := make([]byte, MinState)
		state{Stamp{ID: from}, sequence}.fill(b)
		b[MinState-1] ^= damage
		m.Receive(0, b)
	}
	receive(1, 0, 0)
	receive(2, 0, 0)
	receive(1, 0, 0) // repeated
	receive(1, 1, 1) // damaged
	receive(0, 0, 0) // its own
	receive(3, 0, 0) // from an unknown member
	c := m.Counts()
	require.EqualValues(t, 2, c.Delivered)
	require.EqualValues(t, 1, c.Repeated)
	require.EqualValues(t, 3, c.Corrupt)
	require.EqualValues(t, 2, c.Latency.Count())
}

// All states are sent in time and reach everyone, and a state that is refused is sent again.
func TestMeshSends(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m *Mesh
		refuse := true
		m = NewMesh(4, 50, 100, time.Second, func(i int, payload []byte) error {
			if refuse {
				refuse = false
				return errors.New("refused")
			}
			for to := range 4 {
				if to != i {
					m.Receive(to, payload)
				}
			}
			return nil
		})
		took, asked := m.Send(t.Context())
		m.Drain()
		require.Equal(t, time.Second, took)
		require.EqualValues(t, 200, asked)
		c := m.Counts()
		require.EqualValues(t, 199, c.Sent)
		require.EqualValues(t, 3*199, c.Delivered)
		require.Zero(t, c.Late+c.Corrupt+c.Repeated)
	})
}

// A state that newer ones have overtaken is no longer under way, so displaced states neither
// close the gate nor delay others.
func TestMeshDoesNotWaitForDisplacedStates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m *Mesh
		n := 0
		m = NewMesh(4, 50, 100, 5*time.Second, func(i int, payload []byte) error {
			if n++; n%3 == 0 { // it is displaced
				return nil
			}
			for to := range 4 {
				if to != i {
					m.Receive(to, payload)
				}
			}
			return nil
		})
		_, asked := m.Send(t.Context())
		c := m.Counts()
		require.EqualValues(t, 1000, asked)
		require.EqualValues(t, 1000, c.Sent)
		require.Zero(t, c.Late+c.Corrupt+c.Repeated)
		require.InDelta(t, 1000, m.settled(), 8)
	})
}

// A state that arrives after a newer one counts once.
func TestMeshCountsOvertakenStatesOnce(t *testing.T) {
	m := NewMesh(2, 1, MinState, time.Second, nil)
	for _, sequence := range []uint64{0, 3, 1, 1, 50, 4} {
		b := make([]byte, MinState)
		state{Stamp{ID: 1}, sequence}.fill(b)
		m.Receive(0, b)
	}
	c := m.Counts()
	require.EqualValues(t, 5, c.Delivered)
	require.EqualValues(t, 1, c.Repeated)
	require.EqualValues(t, 51, m.settled())
}
