package main

import (
	"cmp"
	"errors"
	"fmt"

	"github.com/intentra/intentra/internal/replay"
)

// errDiffers is returned when the replay differs from the recording; the
// differences have been printed.
var errDiffers = errors.New("replay: the replay differs from the recording; see the lines marked DIFFERS")

// replayResult is what --json prints.
type replayResult struct {
	Journal     bool              `json:"journal"` // or a plain capture
	Whole       bool              `json:"whole"`   // the journal has its end
	Received    int               `json:"received"`
	Sent        int               `json:"sent"`
	Other       int               `json:"other"`    // packets that do not belong to this protocol
	Unjudged    int               `json:"unjudged"` // of received
	Opened      int               `json:"opened"`   // of received, in a plain capture
	Cut         int               `json:"cut"`      // of other, those captured only in part
	Skipped     int               `json:"skipped"`  // of other, those of interfaces that cannot be read
	Delivered   int               `json:"delivered"`
	Entries     int               `json:"entries"`
	Differences map[string]int    `json:"differences"`
	Totals      map[string]uint64 `json:"totals"`
	Seeds       int               `json:"seeds"`
	Interrupted bool              `json:"interrupted"`
	Error       string            `json:"error,omitempty"` // that ended the replay
}

func emptyResult() *replayResult {
	return &replayResult{Differences: map[string]int{}, Totals: map[string]uint64{}}
}

func newReplayResult(res *replay.Result, skipped int, interrupted bool) *replayResult {
	return &replayResult{
		Journal: res.Journal, Whole: res.Whole, Received: res.Received, Sent: res.Sent, Other: res.Other, Unjudged: res.Unjudged, Opened: res.Opened,
		Cut: res.Cut, Skipped: skipped,
		Delivered: res.Delivered, Entries: res.Entries, Differences: res.Differences, Totals: res.Totals(), Interrupted: interrupted,
	}
}

// conclude prints the totals and returns the result of the command: failure, the
// error that ended the replay, if there was one. A broken pipe does not change it.
func (c *replayCmd) conclude(e *environment, p *replayPrinter, r *replayResult, seeds *replay.Seeds, port uint16, failure error) error {
	switch {
	case failure != nil && !r.begun():
		return c.refuse(e, r, failure)
	case failure != nil:
		r.Error = failure.Error()
	}
	if c.FuzzSeeds != "" {
		n, err := seeds.Write(string(c.FuzzSeeds))
		if err != nil {
			return err
		}
		r.Seeds = n
		e.warnf("%s contains %d seeds, with messages in plain text; go doc github.com/intentra/intentra/fuzz SeedFS says how to use them", c.FuzzSeeds, n)
	}
	p.totals(r)
	if c.JSON {
		p.err = cmp.Or(p.err, printJSON(e.stdout, r))
	}
	switch {
	case failure != nil:
		return failure
	case p.err != nil && !isBrokenPipe(p.err):
		return p.err
	case len(r.Differences) > 0:
		return errDiffers
	case r.Interrupted:
		return nil
	}
	if nothing := r.nothing(port); nothing != "" {
		return fmt.Errorf("replay: %s: %s", c.name(), nothing)
	}
	return nil
}

// refuse returns err, the reason why nothing was replayed, and prints it for
// --json.
func (c *replayCmd) refuse(e *environment, r *replayResult, err error) error {
	if !c.JSON {
		return err
	}
	r.Error = err.Error()
	if printErr := printJSON(e.stdout, r); printErr != nil && !isBrokenPipe(printErr) {
		return errors.Join(err, printErr)
	}
	return err
}

// begun reports whether anything of the capture was replayed.
func (r *replayResult) begun() bool { return r.Received+r.Sent+r.Other+r.Entries > 0 }

// nothing returns why nothing was compared, judged or opened, or an empty string if
// something was. port is the local port of the recording.
func (r *replayResult) nothing(port uint16) string {
	switch {
	case r.Journal && r.Received+r.Sent+r.Entries == 0:
		return "nothing was compared: the recording has no entries after its first"
	case r.Journal || r.Opened > 0:
		return ""
	case r.Received > r.Unjudged:
		return fmt.Sprintf("none of the %d data packets received could be opened: the keys file has no keys of their sessions; give that of the run that was captured",
			r.Received-r.Unjudged)
	case r.Received+r.Sent == 0 && r.Cut > 0:
		return fmt.Sprintf("nothing was judged: %d packets were captured only in part; capture them whole, with tcpdump -s 0", r.Cut)
	case r.Received+r.Sent == 0:
		return fmt.Sprintf("nothing was judged: it has no datagram to or from port %d, where the keys were recorded", port)
	}
	if r.Cut > 0 {
		return fmt.Sprintf("nothing was judged: of %d datagrams received %d belong to handshakes, and %d packets were captured only in part; "+
			"capture them whole, with tcpdump -s 0", r.Received, r.Unjudged, r.Cut)
	}
	return fmt.Sprintf("nothing was judged: of %d datagrams received %d belong to handshakes, and sent datagrams are not judged", r.Received, r.Unjudged)
}
