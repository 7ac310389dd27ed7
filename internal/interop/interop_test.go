package interop_test

import (
	"bytes"
	"context"
	"crypto/ecdh"
	"crypto/rand"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
)

const (
	// patience is the time after which a hanging test fails. No test measures it.
	patience = 30 * time.Second
	// again is how long the client waits before it repeats a packet.
	again = 300 * time.Millisecond
)

// The client implemented from the document has a complete session with a transport:
// handshake, messages in both directions, acknowledgements, a change of address, a
// rekey, and the close.
func TestClientOfTheDocumentInteroperates(t *testing.T) {
	for _, tc := range []struct {
		name  string
		suite byte
	}{{"AESGCM", 1}, {"ChaChaPoly", 2}} {
		t.Run(tc.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			events := make(chan intentra.PeerEvent, 16)
			tr, err := intentra.Listen("127.0.0.1:0", intentra.Config{
				Key:       must(intentra.GenerateKey()),
				Authorize: intentra.AllowAny,
				OnPeer:    func(e intentra.PeerEvent) { events <- e },
			})
			require.NoError(t, err)
			defer func() { require.NoError(t, tr.Close()) }()

			l := newLink(t, tc.suite, tr.LocalAddr())
			l.handshake()
			key := tr.PublicKey()
			require.Equal(t, key[:], l.c.responder)
			up := next(ctx, t, events)
			require.Equal(t, intentra.PeerUp, up.Kind)
			require.Equal(t, l.c.static.PublicKey().Bytes(), keyOf(up.Peer))

			l.talk(ctx, tr)
			l.listen(ctx, up.Peer)
			l.move(ctx, up.Peer)
			l.rekey(ctx, up.Peer, tr)

			l.write(l.c.seal([]byte{6, 1}))
			down := next(ctx, t, events)
			require.Equal(t, intentra.PeerDown, down.Kind)
			require.Equal(t, intentra.CloseReason(1), down.Reason)

			require.NoError(t, tr.Close())
			s := tr.Stats()
			require.Zero(t, s.Strikes)
			require.Equal(t, uint64(1), s.Rekeys)
			require.Equal(t, uint64(1), s.Roams)
		})
	}
}

// link is the client with a socket.
type link struct {
	t        *testing.T
	c        *client
	to       netip.AddrPort
	socket   *net.UDPConn
	received []uint64 // counters of the epoch
	reliable uint64   // every sequence below was received
}

func newLink(t *testing.T, suite byte, to netip.AddrPort) *link {
	l := &link{t: t, to: to, c: &client{
		suite:     suite,
		static:    newKey(),
		ephemeral: newKey(),
		index:     []byte{0xfe, 0xdc, 0xba, 0x98},
		hello:     announce(announcement{packetRate: 10_000, packetBurst: 500, idle: 60_000, maxDatagram: 1232, window: 1024})[4:],
	}}
	l.open()
	return l
}

func newKey() *ecdh.PrivateKey { return must(ecdh.X25519().GenerateKey(rand.Reader)) }

// open opens a socket on a new port.
func (l *link) open() {
	socket, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(l.to))
	require.NoError(l.t, err)
	l.t.Cleanup(func() { _ = socket.Close() })
	l.socket = socket
}

func (l *link) handshake() {
	l.c.start()
	require.NoError(l.t, l.c.cookie(l.ask(l.c.init, 0x15)))
	response := l.ask(l.c.init, 0x13)
	_, err := l.c.response(response)
	require.NoError(l.t, err)
	final := l.c.final(response)
	confirmation := l.until(func() { l.write(final) }, func(f frame) bool { return true })
	require.Equal(l.t, byte(5), confirmation.kind)
}

// talk sends messages, two of the Reliable ones out of order, and waits until they
// are acknowledged.
func (l *link) talk(ctx context.Context, tr *intentra.Transport) {
	c := l.c
	l.write(c.seal(message(1, 300, "now"), reliable(7, 0, 0, "one")))
	c.next++ // skip a counter
	l.write(c.seal(reliable(7, 2, 1, "three")))
	l.write(c.seal(reliable(7, 1, 1, "two")))
	var inOrder []string
	for range 4 {
		r, err := tr.Receive(ctx)
		require.NoError(l.t, err)
		if r.Intent == intentra.Realtime {
			require.Equal(l.t, uint32(300), r.Channel)
			require.Equal(l.t, "now", string(r.Payload))
			continue
		}
		require.Equal(l.t, intentra.Reliable, r.Intent)
		require.Equal(l.t, uint32(7), r.Channel)
		inOrder = append(inOrder, string(r.Payload))
	}
	require.Equal(l.t, []string{"one", "two", "three"}, inOrder)

	acked := l.until(l.ping, func(f frame) bool { return f.kind == 4 && f.upTo == 3 })
	require.Zero(l.t, acked.epoch)
	require.GreaterOrEqual(l.t, acked.number, uint64(3))
	require.Less(l.t, acked.number, c.next)
}

// listen receives a Reliable message and acknowledges it.
func (l *link) listen(ctx context.Context, p *intentra.Peer) {
	require.NoError(l.t, p.Send(intentra.Message{Channel: 9, Intent: intentra.Reliable, Payload: []byte("back")}).Err)
	got := l.until(nil, func(f frame) bool { return f.kind == 3 })
	require.Equal(l.t, uint32(9), got.channel)
	require.Zero(l.t, got.number)
	require.Equal(l.t, "back", string(got.payload))
	l.reliable = 1
	l.write(l.c.seal(l.ack()))
	l.eventually(ctx, func() bool { return p.Stats().Acked == 1 })
}

// move continues the session from another port.
func (l *link) move(ctx context.Context, p *intentra.Peer) {
	before := p.Addr()
	l.open()
	challenge := l.until(l.ping, func(f frame) bool { return f.kind == 7 })
	l.write(l.c.seal(append([]byte{8}, challenge.payload...)))
	here := l.socket.LocalAddr().(*net.UDPAddr).AddrPort()
	require.NotEqual(l.t, before, here)
	l.eventually(ctx, func() bool { return p.Addr() == here })
}

// rekey changes the keys and exchanges messages with the new ones.
func (l *link) rekey(ctx context.Context, p *intentra.Peer, tr *intentra.Transport) {
	ephemeral, index, known := newKey(), []byte{0x12, 0x34, 0x56, 0x78}, l.c.responder
	init := l.c.rekeyInit(ephemeral, index)
	answer := l.until(func() { l.write(l.c.seal(init)) }, func(f frame) bool { return f.kind == 9 && f.step == 2 })
	final, err := l.c.rekeyFinal(answer.payload, ephemeral, index)
	require.NoError(l.t, err)
	require.Equal(l.t, known, l.c.responder)
	l.received = nil
	l.write(final)
	l.until(nil, func(frame) bool { return true })

	l.write(l.c.seal(message(2, 5, "new keys"), l.ack()))
	r, err := tr.Receive(ctx)
	require.NoError(l.t, err)
	require.Equal(l.t, intentra.Latest, r.Intent)
	require.Equal(l.t, "new keys", string(r.Payload))
	require.NoError(l.t, p.Send(intentra.Message{Channel: 6, Intent: intentra.Latest, Payload: []byte("indeed")}).Err)
	got := l.until(nil, func(f frame) bool { return f.kind == 2 })
	require.Equal(l.t, "indeed", string(got.payload))
}

func (l *link) ping() { l.write(l.c.seal([]byte{5})) }

func (l *link) write(b []byte) {
	_, err := l.socket.Write(b)
	require.NoError(l.t, err)
}

// ask sends a packet until a packet of the wanted kind arrives.
func (l *link) ask(packet []byte, first byte) (answer []byte) {
	l.read(func() { l.write(packet) }, func(b []byte) bool {
		answer = b
		return b[0] == first
	})
	return answer
}

// until reads Data packets until one has the wanted frame.
func (l *link) until(send func(), want func(frame) bool) (found frame) {
	l.read(send, func(b []byte) bool {
		counter, plain, err := l.c.open(b)
		if err != nil || slices.Contains(l.received, counter) {
			return false
		}
		l.received = append(l.received, counter)
		all := frames(plain)
		i := slices.IndexFunc(all, want)
		if i >= 0 {
			found = all[i]
		}
		return i >= 0
	})
	return found
}

// read sends, repeatedly, until take accepts a received datagram.
func (l *link) read(send func(), take func([]byte) bool) {
	buf := make([]byte, 1<<16)
	for start := time.Now(); time.Since(start) < patience; {
		if send != nil {
			send()
		}
		require.NoError(l.t, l.socket.SetReadDeadline(time.Now().Add(again)))
		for {
			n, err := l.socket.Read(buf)
			if err != nil {
				break
			}
			if take(bytes.Clone(buf[:n])) {
				return
			}
		}
	}
	require.FailNow(l.t, "no datagram was accepted in time")
}

// ack returns an ACK of everything received in the epoch.
func (l *link) ack() []byte {
	largest := slices.Max(l.received)
	bitmap := make([]byte, 128)
	for _, counter := range l.received {
		if i := largest - 1 - counter; counter < largest && i < 1024 {
			bitmap[i/8] |= 1 << (i % 8)
		}
	}
	return ack(l.c.epoch, 0, largest, l.reliable, bytes.TrimRight(bitmap, "\x00")...)
}

func (l *link) eventually(ctx context.Context, ok func() bool) {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			require.FailNow(l.t, "never happened")
		}
	}
}

func keyOf(p *intentra.Peer) []byte {
	k := p.Key()
	return k[:]
}

// next receives from a channel.
func next(ctx context.Context, t *testing.T, from <-chan intentra.PeerEvent) intentra.PeerEvent {
	select {
	case e := <-from:
		return e
	case <-ctx.Done():
		require.FailNow(t, "no event in time")
		panic("unreachable")
	}
}
