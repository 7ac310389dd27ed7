package main

import (
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/internal/load"
	"github.com/intentra/intentra/internal/ring"
	"github.com/intentra/intentra/wire"
)

// What we chose.
const (
	// relayQueue is how many datagrams a relay delays in each direction. Later ones are
	// dropped, as by a router.
	relayQueue  = 4096
	relayBuffer = 1 << 20 // bytes of its socket buffers
)

// conditions are those of all relays of a demo. They can change at any time.
type conditions struct {
	loss  atomic.Uint64 // in a million
	delay atomic.Int64  // one way
	lost  atomic.Uint64 // datagrams
}

// relay is on the path between one peer of a demo and the hub. It forwards datagrams in both
// directions, after a delay and with losses.
type relay struct {
	near, far *net.UDPConn
	peer      atomic.Pointer[netip.AddrPort]
	*conditions
	ended sync.WaitGroup
	out   *delayLine
	in    *delayLine

	mu     sync.Mutex
	sample []byte // the latest sealed datagram of the peer
}

// openRelay opens a relay to a hub on the loopback interface.
func openRelay(to netip.AddrPort, c *conditions) (*relay, error) {
	local := net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0"))
	near, err := net.ListenUDP("udp4", local)
	if err != nil {
		return nil, err
	}
	far, err := net.DialUDP("udp4", local, net.UDPAddrFromAddrPort(to))
	if err != nil {
		return nil, errors.Join(err, near.Close())
	}
	for _, s := range []*net.UDPConn{near, far} {
		_ = s.SetReadBuffer(relayBuffer) // the kernel may grant less
		_ = s.SetWriteBuffer(relayBuffer)
	}
	r := &relay{near: near, far: far, conditions: c}
	r.out = newDelayLine(func(b []byte) { _, _ = far.Write(b) }) // lost, as on a network
	r.in = newDelayLine(func(b []byte) {
		if p := r.peer.Load(); p != nil {
			_, _ = near.WriteToUDPAddrPort(b, *p)
		}
	})
	r.ended.Go(func() { r.forward(r.out, r.readPeer) })
	r.ended.Go(func() { r.forward(r.in, far.Read) })
	return r, nil
}

// addr returns the address for the peer to dial.
func (r *relay) addr() netip.AddrPort { return r.near.LocalAddr().(*net.UDPAddr).AddrPort() }

func (r *relay) readPeer(b []byte) (int, error) {
	n, from, err := r.near.ReadFromUDPAddrPort(b)
	if err != nil {
		return n, err
	}
	if last := r.peer.Load(); last == nil || *last != from {
		r.peer.Store(&from)
	}
	if t, _, ok := wire.Peek(b[:n]); ok && t == wire.TypeData {
		r.mu.Lock()
		r.sample = append(r.sample[:0], b[:n]...)
		r.mu.Unlock()
	}
	return n, err
}

// captured appends the latest sealed datagram of the peer to b.
func (r *relay) captured(b []byte) []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append(b, r.sample...)
}

// forward forwards what read returns until the socket is closed.
func (r *relay) forward(line *delayLine, read func([]byte) (int, error)) {
	b := make([]byte, intentra.DefaultMaxDatagram)
	for {
		n, err := read(b)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue // an ICMP error, while the hub restarts
		}
		if rand.Uint64N(1_000_000) < r.loss.Load() {
			r.lost.Add(1)
			continue
		}
		if !line.send(b[:n], time.Duration(r.delay.Load())) {
			r.lost.Add(1)
		}
	}
}

// close stops forwarding. It does nothing for a nil relay.
func (r *relay) close() {
	if r == nil {
		return
	}
	_ = r.near.Close() // no more is to be forwarded
	_ = r.far.Close()
	r.ended.Wait()
	r.in.close()
	r.out.close()
}

// delayLine delays datagrams, in order.
type delayLine struct {
	write func([]byte)

	mu     sync.Mutex
	queue  ring.Ring[delayed]
	last   time.Duration // when the latest datagram leaves
	timer  *time.Timer
	closed bool
}

type delayed struct {
	at time.Duration // load.Now
	b  []byte
}

func newDelayLine(write func([]byte)) *delayLine {
	l := &delayLine{write: write}
	l.timer = time.AfterFunc(time.Hour, l.deliver)
	return l
}

// send writes b after the delay. It returns false if too many datagrams wait.
func (l *delayLine) send(b []byte, delay time.Duration) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if delay == 0 && l.queue.Len() == 0 {
		l.write(b)
		return true
	}
	if l.closed || l.queue.Len() >= relayQueue {
		return false
	}
	l.last = max(l.last, load.Now()+delay)
	slot := l.queue.Push()
	slot.at, slot.b = l.last, append(slot.b[:0], b...)
	if l.queue.Len() == 1 {
		l.timer.Reset(l.last - load.Now())
	}
	return true
}

func (l *delayLine) deliver() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.queue.Len() > 0 && !l.closed {
		first := l.queue.Front()
		if wait := first.at - load.Now(); wait > 0 {
			l.timer.Reset(wait)
			return
		}
		l.write(first.b)
		l.queue.Pop()
	}
}

func (l *delayLine) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	l.timer.Stop()
}
