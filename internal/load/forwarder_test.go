package load

import (
	"encoding/binary"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/wire"
)

// onPath is a socket as the endpoint, one as the peer, and a Forwarder between
// them.
type onPath struct {
	t              *testing.T
	path           *Forwarder
	endpoint, peer *net.UDPConn
}

func newOnPath(t *testing.T) *onPath {
	t.Helper()
	endpoint, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(loopback))
	require.NoError(t, err)
	path, err := OpenForwarder(endpoint.LocalAddr().(*net.UDPAddr).AddrPort())
	require.NoError(t, err)
	peer, err := net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(path.Addr()))
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = path.Close()
		_ = endpoint.Close()
		_ = peer.Close()
	})
	for _, c := range []*net.UDPConn{endpoint, peer} {
		require.NoError(t, c.SetReadDeadline(time.Now().Add(patience)))
	}
	return &onPath{t, path, endpoint, peer}
}

// next returns the next datagram at the endpoint.
func (o *onPath) next() (data []byte, from netip.AddrPort) {
	o.t.Helper()
	b := make([]byte, wire.MaxDatagram)
	n, from, err := o.endpoint.ReadFromUDPAddrPort(b)
	require.NoError(o.t, err)
	return b[:n], from
}

// sealed returns bytes that look like a sealed datagram of the peer.
func sealed(index uint32, counter uint64) []byte {
	b := wire.AppendHeader(nil, wire.Header{Type: wire.TypeData, Receiver: index, Counter: counter})
	for i := range 40 {
		b = append(b, byte(i)+byte(counter))
	}
	return b
}

// send sends a datagram from the peer, and waits until the endpoint has received
// it and the path has captured it.
func (o *onPath) send(b []byte) {
	o.t.Helper()
	_, err := o.peer.Write(b)
	require.NoError(o.t, err)
	got, from := o.next()
	require.Equal(o.t, b, got)
	require.Equal(o.t, o.path.Source(), from)
	require.Eventually(o.t, func() bool {
		return wire.PacketType(b[0]&15) != wire.TypeData || string(o.path.Captured(nil, 0)) == string(b)
	}, patience, time.Millisecond)
}

// Every datagram arrives once, unchanged and in order. Answers of the endpoint
// reach the peer. Injected datagrams have the same source address and port as
// the peer's.
func TestForwarderForwardsEverything(t *testing.T) {
	o := newOnPath(t)
	const n = 500
	for i := range n {
		o.send(sealed(7, uint64(i)))
		if i%50 == 0 {
			o.send([]byte{0, 1, 2}) // not a packet of the protocol
		}
	}
	require.NoError(t, o.path.Inject([]byte("injected")))
	got, from := o.next()
	require.Equal(t, "injected", string(got))
	require.Equal(t, o.path.Source(), from)

	for i := range n {
		_, err := o.endpoint.WriteToUDPAddrPort(sealed(9, uint64(i)), from)
		require.NoError(t, err)
		b := make([]byte, 100)
		size, err := o.peer.Read(b)
		require.NoError(t, err)
		require.Equal(t, sealed(9, uint64(i)), b[:size])
	}
	require.NoError(t, o.path.Close())
	up, down := o.path.Forwarded()
	require.EqualValues(t, n+n/50, up)
	require.EqualValues(t, n, down)
}

// Only the latest sealed datagrams of the peer are captured.
func TestForwarderKeepsTheLatest(t *testing.T) {
	o := newOnPath(t)
	require.Empty(t, o.path.Captured(nil, 0))
	o.send(wire.AppendHeader(nil, wire.Header{Type: wire.TypeInit, Suite: wire.AESGCM, Sender: 3}))
	require.Empty(t, o.path.Captured(nil, 0))
	o.send(sealed(7, 0))
	require.Equal(t, sealed(7, 0), o.path.Captured(nil, 12), "the oldest, because there are fewer than 12")
	for i := range 2 * captured {
		o.send(sealed(7, uint64(i)))
	}
	for _, back := range []int{0, 1, captured - 1} {
		require.Equal(t, sealed(7, uint64(2*captured-1-back)), o.path.Captured([]byte{}, back))
	}
	require.Equal(t, sealed(7, captured), o.path.Captured(nil, captured), "there is no older one")
}

// A forged datagram differs from the latest genuine one in one bit of its frames
// or tag, and in its counter, which is in turn the same, near and far ahead. The
// captured datagram does not change.
func TestForgedDatagrams(t *testing.T) {
	o := newOnPath(t)
	f := newFlood(o.path)
	require.Empty(t, f.forged())
	require.Empty(t, f.replayed())
	for i := range 5 {
		o.send(sealed(3, uint64(i))) // from before a rekey
	}
	genuine := sealed(0xabcdef, 1000)
	o.send(genuine)
	var same, near, far int
	for range 300 {
		b := f.forged()
		h, fault := wire.ParseHeader(b)
		require.Equal(t, wire.FaultNone, fault)
		require.Equal(t, wire.TypeData, h.Type)
		require.EqualValues(t, 0xabcdef, h.Receiver)
		require.Equal(t, 1, bitsApart(genuine[wire.HeaderSize:], b[wire.HeaderSize:]))
		switch ahead := h.Counter - 1000; {
		case ahead == 0:
			same++
		case ahead <= forgedNear:
			near++
		case ahead >= forgedFar:
			far++
		}
		require.Equal(t, genuine, o.path.Captured(nil, 0))
	}
	require.Equal(t, []int{100, 100, 100}, []int{same, near, far})
}

func bitsApart(a, b []byte) (n int) {
	for i := range a {
		for x := a[i] ^ b[i]; x != 0; x &= x - 1 {
			n++
		}
	}
	return n
}

// A replay is an exact copy of a captured datagram, of the latest or an older one.
func TestReplayedDatagrams(t *testing.T) {
	o := newOnPath(t)
	const n = 20
	for i := range n {
		o.send(sealed(7, uint64(i)))
	}
	f := newFlood(o.path)
	seen := map[uint64]int{}
	for range 2000 {
		b := f.replayed()
		counter := binary.BigEndian.Uint64(b[8:])
		require.Equal(t, sealed(7, counter), b)
		seen[counter]++
	}
	require.GreaterOrEqual(t, seen[n-1], 1000)
	require.Greater(t, len(seen), 1)
}
