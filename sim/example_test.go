package sim_test

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"time"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/sim"
)

// A robot tells a hub where it is, a hundred times a second, over a link that
// loses one datagram in twenty.
func Example() {
	w := sim.New(1)
	w.SetDefault(sim.Link{Delay: 20 * time.Millisecond, Loss: 0.05})
	hub, _ := w.Node("hub", netip.AddrPort{}, intentra.Config{Authorize: intentra.AllowAny})
	robot, _ := w.Node("robot", netip.AddrPort{}, intentra.Config{})

	_ = robot.Dial(hub.Key())
	w.Until(5*time.Second, func() bool { return robot.Connected(hub.Key()) })

	position := uint64(0)
	stop := w.Every(10*time.Millisecond, func() {
		position++
		robot.Send(hub.Key(), intentra.Message{
			Channel: 1, Intent: intentra.Realtime, Payload: binary.BigEndian.AppendUint64(nil, position),
		})
	})
	_ = w.Run(time.Second)
	stop()
	err := w.Run(time.Second) // for what is under way

	fmt.Println("sent", position, "delivered", hub.Delivered(), "error", err)
	// Output: sent 100 delivered 94 error <nil>
}

// An adversary repeats every packet of the robot's from an address of its own.
// Each message is delivered once all the same.
func ExampleWorld_Tap() {
	w := sim.New(1)
	w.Check("conservation", sim.Conservation)
	hub, _ := w.Node("hub", netip.AddrPort{}, intentra.Config{Authorize: intentra.AllowAny})
	robot, _ := w.Node("robot", netip.AddrPort{}, intentra.Config{})
	_ = robot.Dial(hub.Key())
	w.Until(time.Second, func() bool { return robot.Connected(hub.Key()) })

	elsewhere := netip.MustParseAddrPort("198.51.100.1:9")
	w.Tap(func(d sim.Datagram) (pass sim.Action) {
		if d.From == robot.Addr() {
			w.Inject(elsewhere, d.To, d.Data, 10*time.Millisecond)
		}
		return pass
	})
	for range 10 {
		robot.Send(hub.Key(), intentra.Message{Intent: intentra.Reliable, Payload: []byte("once")})
		_ = w.Run(10 * time.Millisecond)
	}
	_ = w.Run(time.Second)
	fmt.Println("delivered", hub.Delivered(), "replays dropped", hub.Drops("replay", "") > 0)
	// Output: delivered 10 replays dropped true
}
