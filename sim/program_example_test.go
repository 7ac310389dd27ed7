package sim_test

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/sim"
)

// station is an application: it sends the map to each robot that has connected or
// restarted, answers each position, and tells all robots when one has arrived.
type station struct{ answers int }

// recall calls all robots home, and returns how many there are. A Node is a Transport
// or a node of the simulator.
func recall(n intentra.Node) int {
	return n.Broadcast(intentra.Message{Channel: 1, Intent: intentra.Reliable, Payload: []byte("come home")}).Queued
}

func (s *station) config() intentra.Config {
	return intentra.Config{Authorize: intentra.AllowAny, Handler: s.handle, OnPeer: s.peer}
}

func (s *station) peer(ev intentra.PeerEvent) {
	if ev.Kind != intentra.PeerDown {
		ev.Peer.Send(intentra.Message{Channel: 1, Intent: intentra.Reliable, Payload: []byte("map")})
	}
}

func (s *station) handle(m intentra.Received) {
	s.answers++
	m.Peer.Send(intentra.Message{Channel: 1, Intent: intentra.Reliable, Payload: append([]byte("seen at "), m.Payload...)})
	if string(m.Payload) == "dock" {
		m.Peer.Transport().Broadcast(intentra.Message{Channel: 1, Intent: intentra.Reliable, Payload: []byte("dock is taken")})
	}
}

// robot is the other half: it drives to the dock once it has the map.
type robot struct {
	heard []string
	done  chan struct{}
}

func (r *robot) config() intentra.Config { return intentra.Config{Handler: r.handle} }

func (r *robot) handle(m intentra.Received) {
	r.heard = append(r.heard, string(m.Payload))
	switch string(m.Payload) {
	case "map":
		for _, at := range []string{"gate", "hall", "dock"} {
			m.Peer.Send(intentra.Message{Channel: 1, Intent: intentra.Reliable, Payload: []byte(at)})
		}
	case "dock is taken":
		close(r.done)
	}
}

// The same application runs over real sockets and, without a change, in the simulator,
// where a third of the datagrams is lost.
func ExampleWorld_Program() {
	// Over sockets, on loopback.
	s, r := new(station), &robot{done: make(chan struct{})}
	cfg := s.config()
	cfg.Key, _ = intentra.GenerateKey()
	listener, err := intentra.Listen("127.0.0.1:0", cfg)
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	cfg = r.config()
	cfg.Key, _ = intentra.GenerateKey()
	dialer, err := intentra.Dial(ctx, listener.LocalAddr().String(), listener.PublicKey(), cfg)
	if err != nil {
		fmt.Println(err)
		return
	}
	select {
	case <-r.done:
	case <-ctx.Done():
	}
	fmt.Println("sockets:", recall(listener), "robot recalled")
	_ = dialer.Close()
	_ = listener.Close()
	fmt.Println(r.heard[:5], s.answers)

	// In the simulator.
	w := sim.New(1)
	w.Audit()
	w.SetDefault(sim.Link{Delay: 20 * time.Millisecond, Loss: 0.33})
	r = &robot{done: make(chan struct{})}
	s = new(station)
	node, _ := w.Program("station", netip.AddrPort{}, s.config)
	simulated, _ := w.Program("robot", netip.AddrPort{}, r.config)
	_ = simulated.Dial(node.Key())
	w.Until(time.Minute, func() bool { return len(r.heard) == 5 })
	fmt.Println("simulator:", recall(node), "robot recalled")
	w.Until(time.Minute, func() bool { return len(r.heard) == 6 })
	fmt.Println(r.heard[:5], s.answers, w.Err())
	// Output:
	// sockets: 1 robot recalled
	// [map seen at gate seen at hall seen at dock dock is taken] 3
	// simulator: 1 robot recalled
	// [map seen at gate seen at hall seen at dock dock is taken] 3 <nil>
}
