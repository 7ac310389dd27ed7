package sim_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/sim"
)

// A robot sends a hub its position a hundred times a second, over a link that
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
	err := w.Run(time.Second) // for datagrams under way

	fmt.Println("sent", position, "delivered", hub.Delivered(), "error", err)
	// Output: sent 100 delivered 94 error <nil>
}

// An adversary replays every packet of the robot from its own address. Each
// message is delivered once nevertheless.
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

// A test of your own: the audit checks on every step all that users are promised,
// over a bad link and a restart, and no Reliable message may be missing.
func ExampleWorld_Audit() {
	test := func(seed uint64) (positions int, err error) {
		w := sim.New(seed)
		w.Audit() // before the first node
		w.SetDefault(sim.Link{Delay: 20 * time.Millisecond, Jitter: 10 * time.Millisecond, Loss: 0.1, Duplicate: 0.05})
		hub, err := w.Node("hub", netip.AddrPort{}, intentra.Config{Authorize: intentra.AllowAny})
		if err != nil {
			return 0, err
		}
		robot, err := w.Node("robot", netip.AddrPort{}, intentra.Config{})
		if err != nil {
			return 0, err
		}
		hub.OnMessage = func(from intentra.PublicKey, m intentra.Message) {
			if from == robot.Key() && m.Channel == 1 {
				positions++
			}
		}
		if err := robot.Dial(hub.Key()); err != nil {
			return 0, err
		}
		if _, err := w.Settle(10 * time.Second); err != nil {
			return 0, err
		}
		for i := range uint64(50) {
			if i == 25 {
				if err := hub.Restart(); err != nil {
					return 0, err
				}
			}
			r := robot.Send(hub.Key(), intentra.Message{
				Channel: 1, Intent: intentra.Reliable, Payload: binary.BigEndian.AppendUint64(nil, i),
			})
			if r.Err != nil {
				return 0, r.Err
			}
			if err := w.Run(100 * time.Millisecond); err != nil {
				return 0, err // names the seed and the broken promise
			}
		}
		if _, err := w.Settle(30 * time.Second); err != nil {
			return 0, err
		}
		w.Until(10*time.Second, func() bool { return w.Undelivered() == nil })
		return positions, errors.Join(w.Err(), w.Undelivered())
	}
	for seed := range uint64(3) {
		positions, err := test(seed)
		fmt.Println("all 50 positions:", positions >= 50, "error:", err)
	}
	// Output:
	// all 50 positions: true error: <nil>
	// all 50 positions: true error: <nil>
	// all 50 positions: true error: <nil>
}
