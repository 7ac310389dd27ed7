package replay

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"time"

	"github.com/intentra/intentra/journal"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/stages"
)

var (
	// ErrKeys: the keys are not those of the journal.
	ErrKeys = errors.New("replay: the keys file belongs to another recording")
	// ErrStages: the chain is not the one that was recorded.
	ErrStages = errors.New("replay: the recording was made with other stages")
	// ErrNoStage: Options.Views names a stage that the chain does not have.
	ErrNoStage = errors.New("replay: there is no stage")
	// ErrNoKeys: a journal needs its keys file.
	ErrNoKeys = errors.New("replay: the keys are missing; record with a keys file to be able to replay")
)

// Options says how to replay. The zero value works for a journal that was
// recorded with the default stages.
type Options struct {
	// Keys is what ReadKeys has returned. Required.
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
	// inbound stage of the name. A View is good until the call returns.
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
	// Unjudged counts packets received that could not be judged.
	Unjudged int
	// Entries counts all inputs, Pushes the messages sent.
	Entries, Pushes int
	// Differences counts them by Difference.What.
	Differences map[string]int
	// Inbound and Outbound are the counters of the replay.
	Inbound, Outbound pipeline.Counts
}

// Same reports whether nothing that was replayed differed. It is true of nothing,
// too: look at Run's error, at Whole and at Received before it.
func (r *Result) Same() bool { return len(r.Differences) == 0 }

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

// Run replays a capture to its end, from where it has been read to: open it anew
// for each Run. The result is valid with an error, too, as
// far as it got: one that is io.ErrUnexpectedEOF means that the capture ends in
// the middle of something.
func Run(c *journal.Capture, o Options) (Result, error) {
	if o.Keys == nil {
		return Result{}, ErrNoKeys
	}
	first, err := c.Next()
	if err == io.EOF {
		return Result{}, nil
	}
	if err != nil {
		return Result{}, err
	}
	var play player
	if e := first.Entry; e != nil && e.Kind == journal.Started {
		play, err = newFull(o, e.Start)
		first = journal.Item{}
	} else {
		play, err = newPlain(o)
	}
	if err != nil {
		return Result{}, err
	}
	for it := first; err == nil; it, err = c.Next() {
		if o.Stop != nil && o.Stop() {
			break
		}
		if it == (journal.Item{}) {
			continue // the start
		}
		if err := play.item(it); err != nil {
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
