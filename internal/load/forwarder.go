package load

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"

	"github.com/intentra/intentra/wire"
)

const (
	// captured is how many of a peer's latest datagrams a Forwarder keeps.
	captured = 300
	// forwardBuffer is the socket buffer size that a Forwarder asks for, in bytes. It
	// is large so that an attack is not lost on its way to the endpoint.
	forwardBuffer = 4 << 20
)

// Forwarder is on the path between a peer and the endpoint that it dials, as an
// observer would be: it forwards datagrams in both directions, keeps copies of
// the peer's sealed datagrams, and can inject others. For the endpoint, all of
// them come from one address and port. The methods of a Forwarder may be called
// from any goroutine.
type Forwarder struct {
	near, far *net.UDPConn // the peer's side, and the endpoint's
	peer      atomic.Pointer[netip.AddrPort]
	up, down  atomic.Uint64
	ended     sync.WaitGroup

	mu   sync.Mutex
	seen [captured][]byte // a ring, the latest at next-1
	next int
}

// OpenForwarder opens a Forwarder to an endpoint on the loopback interface, which
// forwards until Close.
func OpenForwarder(to netip.AddrPort) (*Forwarder, error) {
	near, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(loopback))
	if err != nil {
		return nil, fmt.Errorf("forwarder: %w", err)
	}
	far, err := net.DialUDP("udp4", net.UDPAddrFromAddrPort(loopback), net.UDPAddrFromAddrPort(to))
	if err != nil {
		_ = near.Close()
		return nil, fmt.Errorf("forwarder: %w", err)
	}
	for _, c := range []*net.UDPConn{near, far} {
		_ = c.SetReadBuffer(forwardBuffer) // the kernel may grant less
		_ = c.SetWriteBuffer(forwardBuffer)
	}
	f := &Forwarder{near: near, far: far}
	f.ended.Go(f.outward)
	f.ended.Go(f.inward)
	return f, nil
}

// Addr returns the address for the peer to dial.
func (f *Forwarder) Addr() netip.AddrPort { return f.near.LocalAddr().(*net.UDPAddr).AddrPort() }

// Source returns the address that the endpoint sees.
func (f *Forwarder) Source() netip.AddrPort { return f.far.LocalAddr().(*net.UDPAddr).AddrPort() }

// Inject sends a datagram to the endpoint as if it came from the peer.
func (f *Forwarder) Inject(b []byte) error {
	_, err := f.far.Write(b)
	return err
}

// Captured appends a sealed datagram of the peer to b and returns the result. back
// is 0 for the latest datagram, 1 for the one before it, up to 299. If fewer were
// captured, it appends the oldest; if none was, it returns b[:0].
func (f *Forwarder) Captured(b []byte, back int) []byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.next == 0 {
		return b[:0]
	}
	back = min(back, f.next-1, captured-1)
	return append(b, f.seen[(f.next-1-back)%captured]...)
}

// Forwarded returns how many datagrams were forwarded from the peer to the
// endpoint and back.
func (f *Forwarder) Forwarded() (up, down uint64) { return f.up.Load(), f.down.Load() }

// Close stops forwarding and closes both sockets.
func (f *Forwarder) Close() error {
	err := errors.Join(f.near.Close(), f.far.Close())
	f.ended.Wait()
	return err
}

// outward forwards the peer's datagrams. It captures each after forwarding it, so
// that no replay overtakes its original.
func (f *Forwarder) outward() {
	b := make([]byte, wire.MaxDatagram)
	for {
		n, from, err := f.near.ReadFromUDPAddrPort(b)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue // an ICMP error for an earlier datagram
		}
		if last := f.peer.Load(); last == nil || *last != from {
			f.peer.Store(&from)
		}
		if f.Inject(b[:n]) == nil {
			f.up.Add(1)
		}
		f.capture(b[:n])
	}
}

func (f *Forwarder) capture(b []byte) {
	if t, _, ok := wire.Peek(b); !ok || t != wire.TypeData {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	place := &f.seen[f.next%captured]
	*place = append((*place)[:0], b...)
	f.next++
}

// inward forwards the endpoint's datagrams.
func (f *Forwarder) inward() {
	b := make([]byte, wire.MaxDatagram)
	for {
		n, err := f.far.Read(b)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		peer := f.peer.Load()
		if err != nil || peer == nil {
			continue
		}
		if _, err := f.near.WriteToUDPAddrPort(b[:n], *peer); err == nil {
			f.down.Add(1)
		}
	}
}
