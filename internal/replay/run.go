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

// Options says how to replay. Keys is required; the rest may be left out for a
// transport with the default stages.
type Options struct {
	// Keys is what journal.ReadKeys has returned.
	Keys *journal.Keys
	// Stages and BuildOptions must be those of the intentra.Config that was
	// recorded.
	Stages       func(s *stages.Set) error
	BuildOptions []pipeline.Option
	// Packet is told of each datagram received.
	Packet func(p Packet)
	// Difference is told of each difference, in their order.
	Difference func(d Difference)
	// Stop, if set, is asked before each packet or entry whether to end early.
	Stop func() bool
	// Views are called with each packet, or each message, that has passed the
	// inbound stage of the name. A View is good until the call returns. If one
	// panics, the replay ends with ErrView, behind the packet in hand.
	Views map[string]func(v View)
}

// Packet is a datagram received, with what became of it.
type Packet struct {
	// Number is the packet's in the capture, from one, as Wireshark counts. In a
	// plain capture several datagrams have one number if they were captured as
	// one, before segmentation.
	Number   int
	Time     time.Time
	From, To netip.AddrPort
	Data     []byte
	// Recorded is zero in a plain capture, Replayed if the packet could not be
	// judged, for the reason in Note.
	Recorded, Replayed journal.Outcome
	Note               string
}

// View is a packet behind a stage, or a message if that stage handles those.
type View struct {
	Number int
	*pipeline.Packet
}

// Difference is one way in which a replay was not like its recording.
type Difference struct {
	// Packet is the number of the packet, or of the last one before.
	Packet   int
	What     string // "verdict", "sent", "total", ...
	Recorded string
	Replayed string
}

// String returns the difference in one line.
func (d Difference) String() string {
	return fmt.Sprintf("packet %d: %s: recorded %s, replayed %s", d.Packet, d.What, d.Recorded, d.Replayed)
}

// Result is what a replay has come to.
type Result struct {
	// Journal says that the capture is a journal, replayed in full; Whole that
	// it has its last entry.
	Journal, Whole bool
	// Received and Sent count the datagrams replayed, Other the packets that are
	// none of ours, Delivered the messages.
	Received, Sent, Other, Delivered int
	// Unjudged counts packets received that could not be judged, Cut those of
	// Other that may be ours, and of which the capture has only a part.
	Unjudged, Cut int
	// Entries counts all inputs, Pushes the messages sent.
	Entries, Pushes int
	// Differences counts them by Difference.What. It is never nil.
	Differences map[string]int
	// Inbound and Outbound are the counters of the replay.
	Inbound, Outbound pipeline.Counts
}

// Same reports whether something was replayed, and nothing of it differed. In a
// plain capture there is nothing to differ from. It goes as far as the replay has
// got: look at Run's error and at Whole, too.
func (r *Result) Same() bool {
	return r.Received+r.Sent+r.Entries > 0 && len(r.Differences) == 0
}

// Totals returns the counters of the replay by name, "inbound packets dropped
// replay/replayed" for one, without those that are zero.
func (r *Result) Totals() map[string]uint64 {
	all := map[string]uint64{}
	for name, c := range map[string]pipeline.Counts{"inbound ": r.Inbound, "outbound ": r.Outbound} {
		for k, n := range totals(c) {
			all[name+k] = n
		}
	}
	return all
}

// Run replays a capture from its beginning to its end: open it anew for each Run.
// The result is valid with an error, too, as far as it got: one that is
// io.ErrUnexpectedEOF means that the capture ends in the middle of something, one
// that is journal.ErrCapture that it is damaged, or holds what cannot be replayed.
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
			continue // the start
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
