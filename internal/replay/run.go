package replay

import (
	"cmp"
	"fmt"
	"io"
	"net/netip"
	"time"

	"github.com/intentra/intentra/internal/journal"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/stages"
)

// Options configures a replay. Only Keys is required.
type Options struct {
	// Keys are the keys of the recording; see journal.ReadKeys.
	Keys *journal.Keys
	// Stages and BuildOptions must be those of the recorded transport's
	// intentra.Config. Their zero values are the default stages.
	Stages       func(s *stages.Set) error
	BuildOptions []pipeline.Option
	// Packet is called with each datagram received.
	Packet func(p Packet)
	// Difference is called with each difference, in order.
	Difference func(d Difference)
	// Stop is called before each item of the capture. The replay ends early if it
	// returns true.
	Stop func() bool
	// Views are functions by the name of an inbound stage. Each is called with the
	// packets or messages that the stage accepts; a View is valid until it returns.
	// If one panics, the replay ends with ErrView after the current packet.
	Views map[string]func(v View)
}

// Packet is a received datagram and its outcome.
type Packet struct {
	// Number is the packet's number in the capture, from one, as Wireshark counts.
	// In a plain capture the datagrams that were captured as one packet, before
	// segmentation, share its number.
	Number   int
	Time     time.Time
	From, To netip.AddrPort
	Data     []byte
	// Recorded is zero in a plain capture. Replayed is zero if the packet could not
	// be judged, for the reason in Note.
	Recorded, Replayed journal.Outcome
	Note               string
}

// View is a packet that a stage has accepted, or a message if it is a message
// stage.
type View struct {
	Number int
	*pipeline.Packet
}

// Difference is a difference between a replay and its recording.
type Difference struct {
	// Packet is the number of the latest packet.
	Packet   int
	What     string // "verdict", "sent", "total", ...
	Recorded string
	Replayed string
}

// String returns the difference as one line.
func (d Difference) String() string {
	return fmt.Sprintf("packet %d: %s: recorded %s, replayed %s", d.Packet, d.What, d.Recorded, d.Replayed)
}

// Result is the result of a replay.
type Result struct {
	// Journal is true for a recording, which is replayed in full, and false for a
	// plain capture. Whole is true if the recording has its last entry.
	Journal, Whole bool
	// Received and Sent count datagrams of the transport, Other other packets,
	// Delivered messages.
	Received, Sent, Other, Delivered int
	// Unjudged counts those of Received that could not be judged, and Opened, in a
	// plain capture, those that the keys could open. Cut counts those of Other that
	// may be the transport's, but are truncated.
	Unjudged, Opened, Cut int
	// Entries counts the inputs of the core, Pushes the messages queued.
	Entries, Pushes int
	// Differences counts differences by Difference.What. It is never nil.
	Differences map[string]int
	// Inbound and Outbound are the counters of the replay.
	Inbound, Outbound pipeline.Counts
}

// Same reports whether anything was replayed and nothing differed. A plain capture
// has nothing to compare with. Same says nothing about what was not replayed; see
// Run's error and Whole.
func (r *Result) Same() bool {
	return r.Received+r.Sent+r.Entries > 0 && len(r.Differences) == 0
}

// Totals returns the non-zero counters of the replay by name, for example "inbound
// packets dropped replay/replayed".
func (r *Result) Totals() map[string]uint64 {
	all := map[string]uint64{}
	for name, c := range map[string]pipeline.Counts{"inbound ": r.Inbound, "outbound ": r.Outbound} {
		for k, n := range totals(c) {
			all[name+k] = n
		}
	}
	return all
}

// Run replays a capture, which must have been opened for it and not yet read. With
// an error the result covers what was replayed before. io.ErrUnexpectedEOF means
// that the capture was cut off, journal.ErrCapture that it is damaged or contains
// what cannot be replayed.
func Run(c *journal.Capture, o Options) (Result, error) {
	none := Result{Differences: map[string]int{}}
	switch {
	case c == nil:
		return none, ErrNoCapture
	case o.Keys == nil:
		return none, ErrNoKeys
	case c.Begun():
		return none, errRead
	}
	first, err := c.Next()
	if err == io.EOF {
		return none, nil
	}
	if err != nil {
		return none, err
	}
	views := viewing{views: o.Views}
	var play player
	if e := first.Entry; e != nil && e.Kind == journal.Started {
		play, err = newFull(o, &views, e.Start)
		first = journal.Item{}
	} else {
		play, err = newPlain(o, &views)
	}
	if err != nil {
		return none, err
	}
	for it := first; err == nil; it, err = c.Next() {
		if o.Stop != nil && o.Stop() {
			break
		}
		if it == (journal.Item{}) {
			continue // the start of a recording, replayed already
		}
		if err := cmp.Or(play.item(it), views.err); err != nil {
			return play.result(), err
		}
	}
	if err == io.EOF {
		err = nil
	}
	return play.result(), err
}

// player replays a capture item by item.
type player interface {
	item(it journal.Item) error
	result() Result
}
