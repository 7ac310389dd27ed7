package load

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/internal/noise"
)

// What we chose.
const (
	// callSlots is how many calls a Caller remembers: the latest. Older calls
	// are given up.
	callSlots = 8192
	// preparedCalls is the most first messages that are created before a flood
	// begins, so that creating them does not slow the peers that are measured.
	preparedCalls = 32_768
)

// Caller is the service of a child that begins handshakes with its parent and
// completes those that are answered. It uses the primitives of the handshake:
// each call is that of a new dialer with an authorized key, which sends each
// message once and nothing after the handshake.
type Caller struct {
	ctx     context.Context
	calls   Calls
	statics []*noise.Static
	sockets []*net.UDPConn
	spare   []*call // prepared
	reading sync.WaitGroup

	mu    sync.Mutex
	slots [callSlots]*call // by index
	begun uint32
	tally Attacked
}

// Calls says which server to call, from which addresses and identities.
type Calls struct {
	Addr   netip.AddrPort
	Server intentra.PublicKey
	// Identities First to First+Identities-1 of Seed call in turn.
	Seed              Seed
	First, Identities int
	// Addresses is how many addresses of the loopback network calls come from,
	// in turn, at most MaxCallAddresses. On systems other than Linux, which do
	// not have them all, there is one.
	Addresses int
}

// CallRun is a rate and a time of calls.
type CallRun struct {
	Rate     float64       // calls begun in a second
	Start    time.Duration // a time of Now
	Duration time.Duration
}

// Open opens the sockets and returns how many addresses they have. It is the
// first call.
func (c *Caller) Open(calls Calls, addresses *int) error {
	c.calls = calls
	for i := range calls.Identities {
		s, err := noise.NewStatic(calls.Seed.Key(calls.First + i))
		if err != nil {
			return fmt.Errorf("caller: %w", err)
		}
		c.statics = append(c.statics, s)
	}
	for i := range calls.Addresses {
		s, err := dialFrom(callerAddress(i), calls.Addr)
		if err != nil {
			break
		}
		c.sockets = append(c.sockets, s)
	}
	if len(c.sockets) < calls.Addresses {
		c.closeSockets()
		s, err := dialFrom(loopback, calls.Addr)
		if err != nil {
			return err
		}
		c.sockets = []*net.UDPConn{s}
	}
	for _, s := range c.sockets {
		c.reading.Go(func() { c.read(s) })
	}
	*addresses = len(c.sockets)
	return nil
}

// MaxCallAddresses is the largest value of Calls.Addresses.
const MaxCallAddresses = 250

// callerAddress returns an address of the loopback network. i is less than
// MaxCallAddresses.
func callerAddress(i int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 1, 0, byte(1 + i)}), 0)
}

func dialFrom(local, to netip.AddrPort) (*net.UDPConn, error) {
	s, err := net.DialUDP("udp4", net.UDPAddrFromAddrPort(local), net.UDPAddrFromAddrPort(to))
	if err != nil {
		return nil, fmt.Errorf("caller: %w", err)
	}
	return s, nil
}

// Prepare creates the first messages of a run.
func (c *Caller) Prepare(r CallRun, _ *struct{}) error {
	for n := min(r.Rate*r.Duration.Seconds()+1, preparedCalls); len(c.spare) < int(n); {
		k, err := c.newCall()
		if err != nil {
			return err
		}
		c.spare = append(c.spare, k)
	}
	return context.Cause(c.ctx)
}

// Run calls, and returns at the end of the duration. Later answers do not count.
func (c *Caller) Run(r CallRun, a *Attacked) error {
	c.mu.Lock()
	c.tally = Attacked{}
	c.mu.Unlock()
	var failed error
	err := a.flood(c.ctx, NewPacer(r.Start, r.Rate, r.Duration), func() {
		if err := c.begin(); err != nil {
			failed = err
		}
	})
	c.mu.Lock()
	defer c.mu.Unlock()
	a.Sent, a.Proved, a.Finals, a.Confirmed = c.tally.Sent, c.tally.Proved, c.tally.Finals, c.tally.Confirmed
	return errors.Join(err, failed)
}

// newCall creates the next call, with its own ephemeral key.
func (c *Caller) newCall() (*call, error) {
	c.begun++
	k := &call{index: c.begun, socket: c.sockets[int(c.begun)%len(c.sockets)]}
	var ephemeral [noise.KeySize]byte
	_, _ = rand.Read(ephemeral[:]) // never fails
	return k, k.open(c.statics[int(c.begun)%len(c.statics)], ephemeral)
}

// begin sends the first message of a call. A message that the kernel rejects is
// not an error.
func (c *Caller) begin() (err error) {
	var k *call
	if len(c.spare) > 0 {
		k, c.spare = c.spare[0], c.spare[1:]
	} else if k, err = c.newCall(); err != nil {
		return err
	}
	c.mu.Lock()
	c.slots[k.index%callSlots] = k
	c.mu.Unlock()
	if _, err := k.socket.Write(k.init); err == nil {
		c.mu.Lock()
		c.tally.Sent++
		c.mu.Unlock()
	}
	return nil
}

// read returns when the socket is closed.
func (c *Caller) read(s *net.UDPConn) {
	b := make([]byte, 2048)
	for {
		n, err := s.Read(b)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil {
			c.receive(b[:n])
		}
	}
}

// Close closes the sockets.
func (c *Caller) Close() error {
	c.closeSockets()
	c.reading.Wait()
	return nil
}

func (c *Caller) closeSockets() {
	for _, s := range c.sockets {
		_ = s.Close()
	}
}
