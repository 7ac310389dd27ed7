package swarm

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"time"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/sim"
)

// What the matrix checks, and the messages of a cell.
const (
	Tolerance      = 0.005 // of the share of Realtime messages delivered
	deviations     = 4     // Tolerance in standard deviations: one cell in 16,000 fails by chance
	leastMessages  = 5000
	reliableCount  = 2000
	matrixInterval = 2 * time.Millisecond // between two messages, so that each has its own packet
	matrixPatience = time.Minute          // for connecting, and for messages in flight or sent again
)

// Cell is a kind of link in the matrix.
type Cell struct {
	Loss, Reorder, Duplicate float64
	Delay                    time.Duration
}

// Cells returns the cells of the matrix.
func Cells() (all []Cell) {
	for _, loss := range []float64{0, 0.01, 0.05, 0.1, 0.2} {
		for _, delay := range []time.Duration{0, 10 * time.Millisecond, 100 * time.Millisecond} {
			for _, reorder := range []float64{0, 0.02, 0.3} {
				for _, duplicate := range []float64{0, 0.01} {
					all = append(all, Cell{loss, reorder, duplicate, delay})
				}
			}
		}
	}
	return all
}

// Delivery counts the messages of a cell.
type Delivery struct {
	Cell
	Realtime, RealtimeSent uint64
	Reliable, ReliableSent uint64
	Twice                  uint64        // extra deliveries, of both intents
	ReliableTook           time.Duration // from the first sent to the last delivered
}

// Share returns the share of the Realtime messages that was delivered, from 0 to 1.
func (d *Delivery) Share() float64 { return float64(d.Realtime) / float64(d.RealtimeSent) }

// Check returns an error if the share of Realtime messages is not within Tolerance of
// the expected one, if a Reliable message is missing, or if one was delivered twice.
func (d *Delivery) Check() error {
	// A datagram is lost along with its copies, which are made after the loss.
	if want := 1 - d.Loss; math.Abs(d.Share()-want) > Tolerance {
		return fmt.Errorf("%w: Realtime delivery is %.4f, not within %v of %v", errMatrix, d.Share(), Tolerance, want)
	}
	if d.Reliable != d.ReliableSent {
		return fmt.Errorf("%w: of %d Reliable messages %d were delivered", errMatrix, d.ReliableSent, d.Reliable)
	}
	if d.Twice > 0 {
		return fmt.Errorf("%w: %d messages were delivered twice", errMatrix, d.Twice)
	}
	return nil
}

var errMatrix = errors.New("unexpected delivery")

// messages returns the number of Realtime messages that keeps the random error within
// Tolerance.
func (c Cell) messages() int {
	return max(leastMessages, int(deviations*deviations*c.Loss*(1-c.Loss)/(Tolerance*Tolerance)))
}

// Measure sends messages from one node to another over the link, with the checks of
// [sim.World.Audit]. If stop is not nil, it is called regularly, and no more messages
// are sent once it returns true.
func (c Cell) Measure(seed uint64, stop func() bool) (d Delivery, err error) {
	d.Cell = c
	w := sim.New(seed)
	w.Audit()
	from, _ := w.Node("from", netip.AddrPort{}, intentra.Config{})
	to, err := w.Node("to", netip.AddrPort{}, intentra.Config{Authorize: intentra.AllowAny})
	if err != nil {
		return d, err
	}
	if err := from.Dial(to.Key()); err != nil {
		return d, err
	}
	if _, err := w.Settle(matrixPatience); err != nil {
		return d, err
	}
	w.SetDefault(sim.Link{
		Loss: c.Loss, Delay: c.Delay, Duplicate: c.Duplicate, Reorder: c.Reorder, ReorderDelay: 10 * matrixInterval,
	})
	last := w.Elapsed()
	seen := map[[9]byte]bool{}
	to.OnMessage = func(_ intentra.PublicKey, m intentra.Message) {
		key := [9]byte(append([]byte{byte(m.Intent)}, m.Payload...))
		switch {
		case seen[key]:
			d.Twice++
		case m.Intent == intentra.Reliable:
			d.Reliable++
			last = w.Elapsed()
		default:
			d.Realtime++
		}
		seen[key] = true
	}
	send := func(intent intentra.Intent, count int) (sent uint64, err error) {
		for i := 0; i < count && (stop == nil || i%1000 > 0 || !stop()); i++ {
			r := from.Send(to.Key(), intentra.Message{Channel: 1, Intent: intent, Payload: binary.BigEndian.AppendUint64(nil, uint64(i))})
			if r.Status != intentra.Dropped {
				sent++
			}
			if err := w.Run(matrixInterval); err != nil {
				return sent, err
			}
		}
		return sent, nil
	}
	if d.RealtimeSent, err = send(intentra.Realtime, c.messages()); err != nil {
		return d, err
	}
	if err := w.Run(time.Second); err != nil { // for datagrams in flight
		return d, err
	}
	first := w.Elapsed()
	if d.ReliableSent, err = send(intentra.Reliable, reliableCount); err != nil {
		return d, err
	}
	w.Until(matrixPatience, func() bool { return d.Reliable >= d.ReliableSent })
	d.ReliableTook = last - first
	return d, w.Err()
}
