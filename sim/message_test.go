package sim

import (
	"context"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/stages"
)

func TestSendResults(t *testing.T) {
	w := newWorld(t, 1)
	a, b := w.pair(t, intentra.Config{ReliableQueueMessages: 2, MaxDatagram: 512, MaxMessage: 300})
	stranger := w.node(t, "stranger")
	send := func(to *Node, intent intentra.Intent, n int) error {
		return a.Send(to.Key(), intentra.Message{Channel: 1, Intent: intent, Payload: make([]byte, n)}).Err
	}
	require.ErrorIs(t, send(stranger, intentra.Realtime, 1), intentra.ErrNotConnected)
	require.ErrorIs(t, send(b, 4, 1), intentra.ErrIntent)
	require.ErrorIs(t, send(b, intentra.Realtime, 480), intentra.ErrMessageTooLarge)
	require.NoError(t, send(b, intentra.Realtime, 470))
	require.NoError(t, send(b, intentra.Reliable, 1))
	require.NoError(t, send(b, intentra.Reliable, 1))
	require.ErrorIs(t, send(b, intentra.Reliable, 1), intentra.ErrQueueFull)
	first := a.Send(b.Key(), intentra.Message{Channel: 2, Intent: intentra.Latest})
	require.Equal(t, intentra.Queued, first.Status)
	require.Equal(t, intentra.Replaced, a.Send(b.Key(), intentra.Message{Channel: 2, Intent: intentra.Latest}).Status)
	w.run(t, time.Second)
	require.EqualValues(t, 4, b.Delivered())
	require.EqualValues(t, 4, b.PeerStats(a.Key()).MessagesIn)
	require.Zero(t, b.PeerStats(stranger.Key()))

	b.ClosePeer(a.Key(), 1)
	b.ClosePeer(stranger.Key(), 1)
	w.run(t, time.Second)
	require.ErrorIs(t, send(b, intentra.Realtime, 1), net.ErrClosed)
}

// The smaller limit of the two sides applies.
func TestSendToSmallerPeer(t *testing.T) {
	w := newWorld(t, 1)
	a, b := w.node(t, "a"), w.node(t, "b", intentra.Config{MaxDatagram: 300, MaxMessage: 256})
	w.connect(t, a, b)
	large := intentra.Message{Intent: intentra.Realtime, Payload: make([]byte, 290)}
	require.ErrorIs(t, a.Send(b.Key(), large).Err, intentra.ErrMessageTooLarge)
	large.Payload = large.Payload[:250]
	require.NoError(t, a.Send(b.Key(), large).Err)
}

func TestDialErrors(t *testing.T) {
	w := newWorld(t, 1)
	a := w.node(t, "a", intentra.Config{MaxPeers: 1})
	require.ErrorIs(t, a.Dial(a.Key()), intentra.ErrKey)
	require.ErrorIs(t, a.Dial(intentra.PublicKey{}), intentra.ErrKey)

	nobody := intentra.PublicKey{1}
	require.NoError(t, a.Dial(nobody))
	require.NoError(t, a.Dial(w.node(t, "b").Key()), "a dial beyond MaxPeers")
	w.run(t, time.Second)
	require.Equal(t, 2, a.Heard(conn.DialEnded))
	events := a.Events() // need_address, for a key without a node
	require.ErrorIs(t, events[1].Err, conn.ErrTooManyPeers)
	require.Contains(t, events[1].String(), "dial_ended (")
	ev, _ := a.LastEvent(conn.DialEnded)
	require.ErrorIs(t, ev.Err, ErrNoAddress)
	require.Equal(t, nobody, ev.Peer)
	require.Zero(t, a.Heard(99))
	_, ok := a.LastEvent(conn.PeerUp)
	require.False(t, ok)
}

// A name resolves to the address of its node, unless the book of the world
// overrides it, or the book of the node overrides that.
func TestAddressBook(t *testing.T) {
	w := newWorld(t, 1)
	a, b := w.node(t, "a"), w.node(t, "b")
	elsewhere := netip.MustParseAddrPort("192.0.2.1:1")
	require.Equal(t, b.Addrs(), a.resolve(b.Key()))
	require.NoError(t, b.Rebind(netip.MustParseAddrPort("192.0.2.2:2")))
	require.Equal(t, b.Addrs(), a.resolve(b.Key()))
	w.SetAddress(b.Key(), elsewhere)
	require.NoError(t, a.Dial(b.Key()))
	w.run(t, 10*time.Second)
	require.False(t, a.Connected(b.Key()))
	require.Positive(t, w.LinkStats(a, nil).Missed)
	ev, _ := a.LastEvent(conn.DialEnded)
	require.ErrorIs(t, ev.Err, intentra.ErrNoAnswer)

	a.SetAddress(b.Key(), b.Addr())
	w.connect(t, a, b)
	a.SetAddress(b.Key(), netip.AddrPort{})
	require.Empty(t, a.resolve(b.Key()))
	several := []netip.AddrPort{elsewhere, b.Addr()}
	a.SetAddress(b.Key(), append(several, netip.AddrPort{})...)
	require.Equal(t, several, a.resolve(b.Key()))
	a.SetAddress(b.Key())
	require.Equal(t, []netip.AddrPort{elsewhere}, a.resolve(b.Key()), "the world's entry")
	w.SetAddress(b.Key())
	require.Equal(t, b.Addrs(), a.resolve(b.Key()))
}

// Messages that one callback sends leave in one packet.
func TestCallbackSendsOnePacket(t *testing.T) {
	w := newWorld(t, 1)
	a, b := w.pair(t)
	w.run(t, 10*time.Second)
	b.OnMessage = func(from intentra.PublicKey, m intentra.Message) {
		require.Equal(t, a.Key(), from)
		for range 5 {
			require.NoError(t, b.Send(from, m).Err)
		}
	}
	before := w.LinkStats(b, a).Sent
	a.Send(b.Key(), message("x"))
	w.run(t, 10*time.Millisecond)
	require.EqualValues(t, 5, a.Delivered())
	require.Equal(t, before+1, w.LinkStats(b, a).Sent)
}

// All datagrams of one instant arrive before the turn that answers them.
func TestInstantIsOneBatch(t *testing.T) {
	w := newWorld(t, 1)
	a, b := w.pair(t)
	w.run(t, 10*time.Second)
	b.OnMessage = func(from intentra.PublicKey, m intentra.Message) { b.Send(from, m) }
	before, delay := w.LinkStats(b, a).Sent, time.Millisecond
	w.Tap(func(d Datagram) Action {
		defer func() { delay = 0 }()
		return Action{Delay: delay}
	})
	a.Send(b.Key(), message("x"))
	w.run(t, time.Millisecond)
	a.Send(b.Key(), message("x"))
	w.run(t, 5*time.Millisecond)
	require.EqualValues(t, 2, b.Delivered())
	require.Equal(t, before+1, w.LinkStats(b, a).Sent)
}

// Do waits for the end of a callback of its node.
func TestDoFromCallback(t *testing.T) {
	w := newWorld(t, 1)
	a, b := w.pair(t)
	order := ""
	b.OnMessage = func(from intentra.PublicKey, _ intentra.Message) {
		b.Do(func(e *conn.Endpoint, now pipeline.Time) {
			order += "do"
			e.Revoke(from, now)
		})
		a.Do(func(*conn.Endpoint, pipeline.Time) { order += "other " })
		order += "message "
	}
	a.Send(b.Key(), message("x"))
	w.run(t, 10*time.Millisecond)
	require.Equal(t, "other message do", order)
	require.Zero(t, b.Delivered()-1)
	require.False(t, b.Connected(a.Key()))
}

func TestBroadcast(t *testing.T) {
	w := newWorld(t, 1)
	hub := w.node(t, "hub")
	require.Zero(t, hub.Broadcast(message("x")))
	var all []*Node
	for _, name := range []string{"c", "a", "b"} {
		n := w.node(t, name)
		w.connect(t, n, hub)
		all = append(all, n)
	}
	require.Equal(t, []intentra.PublicKey{all[0].Key(), all[1].Key(), all[2].Key()}, keysOf(hub.Peers()))
	all[1].Close()
	w.run(t, time.Second)
	require.Equal(t, []intentra.PublicKey{all[0].Key(), all[2].Key()}, keysOf(hub.Peers()))
	m := intentra.Message{Channel: 3, Intent: intentra.Latest, Payload: []byte("x")}
	require.Equal(t, intentra.BroadcastResult{Queued: 2}, hub.Broadcast(m))
	require.Equal(t, intentra.BroadcastResult{Replaced: 2}, hub.Broadcast(m))
	m.Intent = 4
	require.Equal(t, intentra.BroadcastResult{Dropped: 2, Err: intentra.ErrIntent}, hub.Broadcast(m))
	w.run(t, time.Second)
	require.EqualValues(t, 1, all[0].Delivered())
	require.EqualValues(t, 1, all[2].Delivered())
}

// A reader without room gets no Reliable message, and gets all once it has room.
func TestRoom(t *testing.T) {
	w := newWorld(t, 1)
	a, b := w.pair(t)
	full := true
	b.Room = func(from intentra.PublicKey) bool {
		require.Equal(t, a.Key(), from)
		return !full
	}
	for range 10 {
		a.Send(b.Key(), intentra.Message{Intent: intentra.Reliable})
	}
	w.run(t, time.Second)
	require.Zero(t, b.Delivered())
	full = false
	w.run(t, 5*time.Second)
	require.EqualValues(t, 10, b.Delivered())
}

func TestAuthorize(t *testing.T) {
	w := newWorld(t, 1)
	a := w.node(t, "a")
	asked := 0
	b := w.node(t, "b", intentra.Config{Authorize: func(_ context.Context, h intentra.Handshake) bool { asked++; return h.Key != a.Key() }})
	require.NoError(t, a.Dial(b.Key()))
	w.run(t, 10*time.Second)
	require.Positive(t, asked)
	require.EqualValues(t, asked, b.Handshakes(conn.HandshakeRefused))
	ev, _ := a.LastEvent(conn.DialEnded)
	require.ErrorIs(t, ev.Err, intentra.ErrNotConfirmed)
	require.Equal(t, b.Key(), ev.Peer)
}

// User stages are in the chains of each process.
func TestStages(t *testing.T) {
	w := newWorld(t, 1)
	made := 0
	odd := func() pipeline.Stage {
		made++
		n := 0
		return pipeline.Func("every_other", []string{"odd"}, func(*pipeline.Packet) pipeline.Verdict {
			if n++; n%2 == 1 {
				return pipeline.DropFirst
			}
			return pipeline.Accept
		})
	}
	a := w.node(t, "a")
	b := w.node(t, "b", intentra.Config{Stages: func(s *stages.Set) error { s.InsertAfter("ack", odd()); return nil }})
	w.connect(t, a, b)
	for range 10 {
		a.Send(b.Key(), message("x"))
	}
	w.run(t, time.Second)
	require.EqualValues(t, 5, b.Delivered())
	require.EqualValues(t, 5, b.Drops("every_other", "odd"))
	require.EqualValues(t, 5, b.Drops("every_other", ""))
	packets, messages := b.AllDrops()
	require.EqualValues(t, 5, messages)
	require.Equal(t, b.Drops("cookie", "")+b.Drops("header", ""), packets)
	require.NoError(t, b.Restart())
	require.Equal(t, 2, made)
	require.Zero(t, b.Drops("every_other", ""))
}

func TestObserver(t *testing.T) {
	w := newWorld(t, 1)
	var log []string
	w.Observe(Observer{})
	w.Observe(Observer{
		Sent: func(from *Node, to intentra.PublicKey, m intentra.Message, r intentra.SendResult) {
			log = append(log, from.Name()+" sent "+string(m.Payload)+" "+r.Status.String())
		},
		Delivered: func(to *Node, from intentra.PublicKey, m intentra.Message) {
			log = append(log, to.Name()+" got "+string(m.Payload))
		},
		Happened: func(n *Node, ev Event) { log = append(log, n.Name()+" "+ev.String()) },
	})
	a, b := w.pair(t)
	a.Send(b.Key(), message("x"))
	w.run(t, time.Second)
	b.Send(intentra.PublicKey{}, message("y"))
	require.Equal(t, []string{"a need_address", "b up", "a up", "a sent x queued", "b got x", "b sent y dropped"}, log)
}

func keysOf(peers []*intentra.Peer) (keys []intentra.PublicKey) {
	for _, p := range peers {
		keys = append(keys, p.Key())
	}
	return keys
}
