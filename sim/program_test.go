package sim

import (
	"context"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/wire"
)

// logApp is an application that counts what it is given.
type logApp struct {
	events   []intentra.PeerEvent
	received []intentra.Received
	reply    func(m intentra.Received)
}

func (a *logApp) config() intentra.Config {
	return intentra.Config{
		Authorize: intentra.AllowAny,
		OnPeer:    func(ev intentra.PeerEvent) { a.events = append(a.events, ev) },
		Handler: func(m intentra.Received) {
			a.received = append(a.received, m)
			if a.reply != nil {
				a.reply(m)
			}
		},
	}
}

// programs returns two connected nodes that run an application for each process, and
// the latest application of each.
func programs(t *testing.T) (w *World, a, b *Node, ofA, ofB func() *logApp) {
	w = New(1)
	w.Audit()
	start := func(name string) (*Node, func() *logApp) {
		var latest *logApp
		n, err := w.Program(name, netip.AddrPort{}, func() intentra.Config {
			latest = new(logApp)
			return latest.config()
		})
		require.NoError(t, err)
		return n, func() *logApp { return latest }
	}
	a, ofA = start("a")
	b, ofB = start("b")
	w.connect(t, a, b)
	return w, a, b, ofA, ofB
}

// An application gets its messages and events, and the audit sees what it sends.
func TestProgram(t *testing.T) {
	w, a, b, ofA, ofB := programs(t)
	ofB().reply = func(m intentra.Received) {
		require.Equal(t, a.Key(), m.Peer.Key())
		require.Equal(t, time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).Add(w.Elapsed()), m.Arrived)
		m.Peer.Send(intentra.Message{Payload: []byte("one"), Intent: intentra.Reliable})
		require.Equal(t, 1, m.Peer.Transport().Broadcast(intentra.Message{Payload: []byte("two"), Intent: intentra.Reliable}).Queued)
	}
	p, ok := a.Peer(b.Key())
	require.True(t, ok)
	require.Equal(t, intentra.Queued, p.Send(intentra.Message{Payload: []byte("zero")}).Status)
	w.run(t, time.Second)
	require.Len(t, ofA().received, 2)
	require.Len(t, ofB().received, 1)
	require.Equal(t, intentra.Realtime, ofB().received[0].Intent)
	require.Equal(t, []*intentra.Peer{p}, a.Peers())
	require.Equal(t, a.Addr(), a.Transport().LocalAddr())
	require.Equal(t, a.Key(), a.PublicKey())
	require.EqualValues(t, 1, p.Stats().MessagesOut)
	require.EqualValues(t, 1, a.Transport().Stats().MessagesOut)
}

// An application starts from scratch with each process, and sees the other one restart.
func TestProgramRestarts(t *testing.T) {
	w, a, b, ofA, ofB := programs(t)
	first := ofB()
	require.NoError(t, b.Restart())
	require.NotSame(t, first, ofB())
	require.False(t, first.events[0].Peer.Connected(), "its process has ended")
	require.ErrorIs(t, first.events[0].Peer.Send(intentra.Message{}).Err, net.ErrClosed)
	w.await(t, 10*time.Second, func() bool { return len(ofB().events) == 1 && len(ofA().events) > 1 })
	require.Equal(t, intentra.PeerUp, ofB().events[0].Kind)
	last := ofA().events[len(ofA().events)-1]
	require.Equal(t, intentra.PeerRestarted, last.Kind)
	require.EqualValues(t, 2, last.Session)
	require.EqualValues(t, 2, last.Peer.Session())

	b.Revoke(a.Key())
	w.await(t, time.Second, func() bool { return !b.Connected(a.Key()) })
	require.Equal(t, intentra.PeerDown, ofB().events[1].Kind)
}

// Methods that would wait return an error at once, and an application can end its
// process.
func TestProgramCannotWait(t *testing.T) {
	w, a, b, ofA, ofB := programs(t)
	ctx, tr := context.Background(), a.Transport()
	_, err := tr.Receive(ctx)
	require.Error(t, err)
	_, err = tr.Dial(ctx, "10.0.0.9:1", b.Key())
	require.Error(t, err)
	require.Error(t, tr.Shutdown(ctx))
	ofB().reply = func(m intentra.Received) { require.NoError(t, m.Peer.Transport().Close()) }
	a.Send(b.Key(), intentra.Message{})
	w.await(t, time.Second, func() bool { return !b.Running() })
	w.await(t, time.Second, func() bool { return len(ofA().events) == 2 })
	require.Equal(t, wire.CloseShutdown, ofA().events[1].Reason)
	require.Empty(t, b.Peers())
	require.Zero(t, b.Broadcast(intentra.Message{}))
}
