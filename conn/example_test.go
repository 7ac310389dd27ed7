package conn_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"net/netip"

	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

// side is an endpoint with its driver: what an event loop with a socket, a clock
// and a worker does for it.
type side struct {
	name string // empty: do not print
	ep   *conn.Endpoint
	key  [conn.KeySize]byte
	addr netip.AddrPort
	peer netip.AddrPort // the address of the peer that it dials
}

func newSide(name, addr string, cfg conn.Config) (*side, error) {
	s := &side{name: name, addr: netip.MustParseAddrPort(addr)}
	var private [conn.KeySize]byte
	if _, err := rand.Read(private[:]); err != nil {
		return nil, err
	}
	var err error
	if cfg.Identity, err = conn.NewIdentity(private); err != nil {
		return nil, err
	}
	cfg.Rand, s.key = rand.Reader, cfg.Identity.Public()
	s.ep, err = conn.New(cfg)
	return s, err
}

// turn does what is to be done besides reading, and returns the datagrams to
// send.
func (s *side) turn(now pipeline.Time) (out []wire.Datagram) {
	if at, ok := s.ep.Deadline(); ok && at <= now {
		s.ep.HandleTimeout(now)
	}
	s.events(now)
	for j := s.ep.PollJob(); j != nil; j = s.ep.PollJob() {
		j.Run() // an event loop leaves this to another goroutine
		s.ep.HandleJob(j, now)
		s.events(now)
	}
	for more := true; more; {
		more = s.ep.Flush(now)
		for _, d := range s.ep.Outgoing() {
			// d.Data is the endpoint's, and is overwritten by its next packets.
			out = append(out, wire.Datagram{Addr: d.Addr, Data: bytes.Clone(d.Data)})
		}
	}
	return out
}

func (s *side) events(now pipeline.Time) {
	for s.ep.HasEvents() {
		for _, ev := range s.ep.Events() {
			switch ev.Kind {
			case conn.NeedAddress:
				s.ep.SetAddress(ev.Peer, s.peer, now)
			case conn.PeerUp:
				s.print("is connected")
			case conn.PeerDown:
				s.print("is disconnected:", ev.Reason)
			}
		}
	}
}

func (s *side) print(words ...any) {
	if s.name != "" {
		fmt.Println(append([]any{s.name}, words...)...)
	}
}

// exchange passes datagrams back and forth until done returns true or the time
// until is reached, and returns the time.
func exchange(a, b *side, now, until pipeline.Time, done func() bool) pipeline.Time {
	for now < until && !done() {
		sent := 0
		for _, d := range a.turn(now) {
			b.ep.HandleDatagram(wire.Datagram{Data: d.Data, Addr: a.addr}, now)
			sent++
		}
		for _, d := range b.turn(now) {
			a.ep.HandleDatagram(wire.Datagram{Data: d.Data, Addr: b.addr}, now)
			sent++
		}
		if sent == 0 {
			now = min(next(a, until), next(b, until))
		}
	}
	return now
}

// next returns the deadline of a side, at most until.
func next(s *side, until pipeline.Time) pipeline.Time {
	if at, ok := s.ep.Deadline(); ok {
		return min(at, until)
	}
	return until
}

// Two endpoints connect in memory, without a socket: one message each way, and
// then one of them closes.
func Example() {
	received := 0
	deliver := func(name string) func(*conn.Peer, *pipeline.Packet) bool {
		return func(_ *conn.Peer, m *pipeline.Packet) bool {
			received++
			fmt.Printf("%s received %q on channel %d\n", name, m.Payload(), m.Channel)
			return true
		}
	}
	hub, err := newSide("hub", "10.0.0.1:4000", conn.Config{
		Authorize: func(context.Context, conn.Handshake) bool { return true },
		Deliver:   deliver("hub"),
	})
	if err != nil {
		panic(err)
	}
	robot, err := newSide("robot", "10.0.0.2:4000", conn.Config{Deliver: deliver("robot")})
	if err != nil {
		panic(err)
	}
	robot.peer = hub.addr

	// Any time above zero will do to begin with, as long as it never goes back.
	now := pipeline.Time(1e9)
	toHub, err := robot.ep.Dial(hub.key, now)
	if err != nil {
		panic(err)
	}
	now = exchange(robot, hub, now, now+1e9, func() bool { return toHub.Connected() })
	send(robot, toHub, "pose 1 2 0.5")
	send(hub, hub.ep.Peer(robot.key), "speed 0.3")
	now = exchange(robot, hub, now, now+1e9, func() bool { return received == 2 })
	robot.ep.ClosePeer(toHub, wire.CloseNormal, now)
	exchange(robot, hub, now, now+1e9, func() bool { return false })
	// Output:
	// hub is connected
	// robot is connected
	// hub received "pose 1 2 0.5" on channel 1
	// robot received "speed 0.3" on channel 1
	// robot is disconnected: closed
	// hub is disconnected: closed
}

func send(from *side, to *conn.Peer, text string) {
	r, wake := to.Push(&conn.Message{Channel: 1, Intent: pipeline.Latest, Payload: []byte(text)})
	if !r.Taken() {
		panic("the queue refused a message")
	}
	if wake {
		from.ep.MarkReady(to)
	}
}
