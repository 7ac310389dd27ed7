package swarm

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"time"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/sim"
	"github.com/intentra/intentra/sim/script"
)

// Fleet is a hub with peers that each send it Latest messages, over links that
// lose one datagram in a hundred: a load for measuring the speed of the
// simulator.
type Fleet struct {
	Peers   int           // including the hub, at least two
	Every   time.Duration // between two messages of a peer; none if zero
	Audited bool
	Stop    func() bool // ends the world with script.ErrStopped if it returns true; may be nil
}

// World makes the fleet and connects it.
func (f Fleet) World(seed uint64) (*sim.World, error) {
	w := sim.New(seed)
	if f.Audited {
		w.Audit()
	}
	if f.Stop != nil {
		steps := 0
		w.Check("fleet", func(*sim.World) error {
			if steps++; steps%1024 == 0 && f.Stop() {
				return script.ErrStopped
			}
			return nil
		})
	}
	hub, err := w.Node("hub", netip.AddrPort{}, intentra.Config{
		Authorize: intentra.AllowAny, HandshakeRate: 1 << 20, MaxHandshakes: 1 << 16, MaxHandshakesPerAddress: 1 << 16,
	})
	if err != nil {
		return nil, err
	}
	var peers []*sim.Node
	for i := range f.Peers - 1 {
		n, err := w.Node(fmt.Sprintf("peer%d", i), netip.AddrPort{}, intentra.Config{})
		if err != nil {
			return nil, err
		}
		peers = append(peers, n)
		if err := n.Dial(hub.Key()); err != nil {
			return nil, err
		}
	}
	if _, err := w.Settle(time.Minute); err != nil {
		return nil, err
	}
	w.SetDefault(sim.Link{Delay: 5 * time.Millisecond, Jitter: time.Millisecond, Loss: 0.01})
	if f.Every <= 0 {
		return w, nil
	}
	for i, n := range peers {
		state := make([]byte, 100)
		number := uint64(0)
		w.After(f.Every*time.Duration(i)/time.Duration(len(peers)), func() {
			w.Every(f.Every, func() {
				number++
				binary.BigEndian.PutUint64(state, number)
				n.Send(hub.Key(), intentra.Message{Channel: 1, Intent: intentra.Latest, Payload: state})
			})
		})
	}
	return w, nil
}
