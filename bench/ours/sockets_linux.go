package ours

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/intentra/intentra/bench/contender"
	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

const (
	// readEvery is the least time between two reads, and idleTurn the time
	// between turns of the loop while nothing is sent.
	readEvery = time.Millisecond
	idleTurn  = 2 * time.Millisecond
	// ready is the most sockets that one call of epoll_wait returns.
	ready = 256
	// dialsAtOnce is how many peers connect at a time.
	dialsAtOnce = 32
)

// sockets drives one conn.Endpoint each of whose peers has its own socket. The
// endpoint knows socket i by the address virtual(i), which therefore tells to
// which socket a datagram goes.
type sockets struct {
	start time.Time
	stop  chan struct{}
	ended sync.WaitGroup
	peers []*conn.Peer

	mu       sync.Mutex // guards the fields up to failed
	core     *conn.Endpoint
	files    []int
	poll     int
	events   [ready]unix.EpollEvent
	buffer   [2048]byte
	lastRead time.Time
	up       int
	failed   error

	woken []*conn.Peer // for the next Flush; used by the one lane alone
}

func dialSockets(ctx context.Context, s contender.Setup, to contender.Target,
	echo func(contender.Client, []byte)) (contender.Client, error) {
	if echo != nil {
		return nil, fmt.Errorf("intentra-nogso: echoes: %w", contender.ErrUnsupported)
	}
	c := &sockets{start: time.Now(), stop: make(chan struct{}), poll: -1}
	if err := c.open(s, to); err != nil {
		_ = c.Close()
		return nil, err
	}
	c.ended.Go(c.run)
	if err := c.connect(ctx, [32]byte(to.Key)); err != nil {
		_ = c.Close()
		return nil, fmt.Errorf("intentra-nogso: %w", err)
	}
	return c, nil
}

func (c *sockets) open(s contender.Setup, to contender.Target) (err error) {
	if c.core, err = newCore(); err != nil {
		return err
	}
	if c.poll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return err
	}
	addr, err := netip.ParseAddrPort(to.Addr)
	if err != nil {
		return err
	}
	for i := range s.Connections {
		fd, err := contender.DialFile(addr, s.Buffer)
		if err != nil {
			return err
		}
		c.files = append(c.files, fd)
		if err := unix.EpollCtl(c.poll, unix.EPOLL_CTL_ADD, fd,
			&unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(i)}); err != nil {
			return err
		}
	}
	return nil
}

// connect dials a few peers at a time, and returns when all are connected.
func (c *sockets) connect(ctx context.Context, key [32]byte) error {
	tick := time.NewTicker(idleTurn)
	defer tick.Stop()
	for {
		c.mu.Lock()
		for len(c.peers) < min(len(c.files), c.up+dialsAtOnce) && c.failed == nil {
			c.failed = c.dial(key)
		}
		up, err := c.up, c.failed
		c.mu.Unlock()
		if err != nil || up == len(c.files) {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (c *sockets) dial(key [32]byte) error {
	identity, err := newIdentity()
	if err != nil {
		return err
	}
	p, err := c.core.DialAs(identity, key, c.now())
	if err != nil {
		return err
	}
	p.User = len(c.peers)
	c.peers = append(c.peers, p)
	return nil
}

// virtual returns the address by which the endpoint knows socket i.
func virtual(i int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 1)
}

func socketOf(a netip.AddrPort) int {
	b := a.Addr().As4()
	return int(b[2])<<8 | int(b[3])
}

func (c *sockets) now() pipeline.Time { return pipeline.Time(time.Since(c.start) + time.Hour) }

// run handles acknowledgements and timers while nothing is sent.
func (c *sockets) run() {
	tick := time.NewTicker(idleTurn)
	defer tick.Stop()
	for {
		select {
		case <-c.stop:
			return
		case <-tick.C:
			c.mu.Lock()
			c.turn()
			c.mu.Unlock()
		}
	}
}

// turn is one turn of the event loop. c.mu is held.
func (c *sockets) turn() {
	if time.Since(c.lastRead) >= readEvery {
		c.lastRead = time.Now()
		c.read()
	}
	for again := true; again; {
		c.core.HandleTimeout(c.now())
		c.takeEvents()
		c.flush()
		again = c.work() || c.core.HasEvents()
	}
}

func (c *sockets) read() {
	n, _ := unix.EpollWait(c.poll, c.events[:], 0)
	now := c.now()
	for _, ev := range c.events[:max(n, 0)] {
		i := int(ev.Fd)
		if size, err := unix.Read(c.files[i], c.buffer[:]); err == nil {
			c.core.HandleDatagram(wire.Datagram{Data: c.buffer[:size], Addr: virtual(i)}, now)
		}
	}
}

func (c *sockets) takeEvents() {
	for c.core.HasEvents() {
		for _, ev := range c.core.Events() {
			switch ev.Kind {
			case conn.NeedAddress:
				c.core.SetAddress(ev.Peer, virtual(ev.Peer.User.(int)), c.now())
			case conn.PeerUp:
				c.up++
			case conn.DialEnded:
				c.failed = ev.Err
			}
		}
	}
}

func (c *sockets) flush() {
	for more := true; more; {
		more = c.core.Flush(c.now())
		for _, d := range c.core.Outgoing() {
			_, _ = unix.Write(c.files[socketOf(d.Addr)], d.Data)
		}
	}
}

func (c *sockets) work() (done bool) {
	for j := c.core.PollJob(); j != nil; j = c.core.PollJob() {
		j.Run()
		c.core.HandleJob(j, c.now())
		done = true
	}
	return done
}

// Send queues the message for the next Flush.
func (c *sockets) Send(i int, payload []byte, _ bool) bool {
	p := c.peers[i]
	_, wake := p.Push(&conn.Message{Channel: 0, Intent: pipeline.Realtime, Payload: payload})
	if wake {
		c.woken = append(c.woken, p)
	}
	return true
}

func (c *sockets) Flush(int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range c.woken {
		c.core.MarkReady(p)
	}
	c.woken = c.woken[:0]
	c.turn()
}

func (*sockets) Lanes() int { return 1 }

func (c *sockets) Close() error {
	close(c.stop)
	c.ended.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	for more := c.core != nil; more; {
		more = c.core.Close(wire.CloseShutdown, c.now())
		c.flush()
	}
	for _, fd := range c.files {
		_ = unix.Close(fd)
	}
	if c.poll >= 0 {
		_ = unix.Close(c.poll)
	}
	return nil
}
