package conn

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/internal/noise"
	"github.com/intentra/intentra/wire"
)

// Close overwrites the secrets of all handshakes under way, whether they wait for
// a packet, for the worker, or for the result of a job.
func TestCloseOverwritesHandshakes(t *testing.T) {
	e, f, now := newEndpoint(t), new(Initiator), testStart
	f.Begin(t, e, testAddr(1, 1), now) // will wait for message 3
	e.runJobs(now)
	e.Outgoing()
	half := e.halves.victim(0)
	require.NotNil(t, half.machine)
	machines := []*noise.Responder{half.machine}

	f.Begin(t, e, testAddr(2, 1), now)
	out := e.PollJob()

	// The jobs of these have not been polled yet.
	f.Begin(t, e, testAddr(3, 1), now)
	final := wire.AppendHeader(nil, wire.Header{Type: wire.TypeFinal, Suite: wire.AESGCM, Receiver: uint32(half.index)})
	e.HandleDatagram(wire.Datagram{Data: append(final, make([]byte, wire.FinalSize-wire.HeaderSize)...), Addr: testAddr(1, 1)}, now)
	p, err := e.Dial([KeySize]byte{9}, now)
	require.NoError(t, err)
	e.Events()
	e.SetAddress(p, testAddr(9, 9), now)
	waiting := append([]*Job(nil), e.jobs...)
	require.Len(t, waiting, 3)
	require.True(t, half.busy)
	ephemerals := 0
	for _, j := range waiting {
		if j.ephemeral != ([KeySize]byte{}) {
			ephemerals++
		}
	}
	require.Equal(t, 2, ephemerals)

	for e.Close(wire.CloseShutdown, now) {
	}
	require.Zero(t, e.halves.len())
	require.Empty(t, e.jobs)
	for _, j := range waiting {
		require.Zero(t, j.ephemeral)
	}
	require.Zero(t, *machines[0])
	out.Run()
	e.HandleJob(out, later(now, time.Second))
	require.NotNil(t, out.responder)
	require.True(t, out.Wiped())
	require.Zero(t, e.halves.orphans)
	e.HandleTimeout(later(now, 3*time.Minute))
	e.CheckInvariants(t, later(now, 3*time.Minute))
	e.CheckEmpty(t)
}
