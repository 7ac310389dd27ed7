package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/intentra/intentra/journal"
	"github.com/intentra/intentra/replay"
)

type replayCmd struct {
	Capture   string `arg:"" name:"capture" help:"The recording (--record), or a capture of tcpdump, dumpcap or Wireshark."`
	Keys      string `required:"" placeholder:"FILE" help:"The keys file (--record-keys) of the side that is to be replayed."`
	Stage     string `placeholder:"NAME" help:"Show each packet, or message, as it leaves this stage of the inbound chain, instead of its verdict."`
	FuzzSeeds string `placeholder:"DIR" help:"Write what passes into folders of DIR, as seeds for fuzzing: datagrams, frames, messages."`
	Frames    string `placeholder:"FILE" help:"Write the plaintext of each data packet to a new FILE (pcap), for Wireshark with the dissector intentra_frames."`
	Quiet     bool   `short:"q" help:"No line for each packet."`
	JSON      bool   `name:"json" help:"Print the result as one JSON object, the last line of standard output."`
}

func (c *replayCmd) Help() string {
	return `The real protocol core gets once more all that the recorded one was given, with the same times and the same
randomness: it comes to the same verdicts and sends the same bytes. What differs is printed, and the exit code is 1:
the capture is not as it was, or the program has changed. A line for each datagram received says what became of it;
totals by stage and reason follow. Recordings of a program with stages of its own are replayed by a program with the
same: see go doc github.com/intentra/intentra/replay.

Of a plain capture the data packets are judged whose keys the keys file has, which is enough to see what a stage
thinks of them; handshakes and what is sent are not.

--json prints {"journal","whole","received","sent","other","unjudged","delivered","entries","differences":{},
"totals":{},"seeds","interrupted"}.`
}

// errDiffers: the replay was not like the recording; how, has been told.
var errDiffers = errors.New("replay: it was not the same; the lines marked DIFFERS say where")

// mostDifferences is how many are printed; all are counted.
const mostDifferences = 100

func (c *replayCmd) Run(e *environment) (err error) {
	keys, err := journal.ReadKeys(c.Keys)
	if err != nil {
		return c.wrongInput(err)
	}
	capture, err := journal.Open(c.Capture)
	if err != nil {
		return c.wrongInput(err)
	}
	defer capture.Close()
	out, _ := e.live(c.JSON)
	p := &replayPrinter{out: out, quiet: c.Quiet || c.Stage != "", ended: func() bool { return e.ctx.Err() != nil }}
	if c.Quiet {
		p.progress, p.toldAt = e.stderr, time.Now()
	}
	o := replay.Options{Keys: keys, Packet: p.packet, Difference: p.difference, Stop: p.stop}
	if c.Stage != "" {
		o.Views = map[string]func(replay.View){c.Stage: p.view}
	}
	var seeds replay.Seeds
	if c.FuzzSeeds != "" {
		o = seeds.Watch(o)
	}
	if c.Frames != "" {
		f, openErr := os.OpenFile(c.Frames, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if openErr != nil {
			return usagef("replay: %w; give the name of a new file", openErr)
		}
		w := bufio.NewWriter(f)
		frames := replay.NewFrames(w)
		o = frames.Watch(o)
		defer func() { err = errors.Join(err, frames.Err(), w.Flush(), f.Close()) }()
	}
	res, err := replay.Run(capture, o)
	if errors.Is(err, replay.ErrNoStage) || errors.Is(err, replay.ErrKeys) || errors.Is(err, replay.ErrStages) {
		return usageError{err}
	}
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("replay: %s, behind packet %d: %w", c.Capture, p.last, err)
	}
	if err != nil {
		e.warnf("%s ends in the middle of something, as if its recorder had been killed; what is before that was replayed", c.Capture)
	}
	return c.conclude(e, p, &res, &seeds)
}

func (c *replayCmd) wrongInput(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return usagef("replay: %w; pub, sub and hub make one with --record FILE --record-keys FILE", err)
	}
	return usagef("replay: %w", err)
}

// conclude prints the totals.
func (c *replayCmd) conclude(e *environment, p *replayPrinter, res *replay.Result, seeds *replay.Seeds) error {
	r := replayResult{
		Journal: res.Journal, Whole: res.Whole, Received: res.Received, Sent: res.Sent, Other: res.Other, Unjudged: res.Unjudged,
		Delivered: res.Delivered, Entries: res.Entries, Differences: res.Differences, Totals: res.Totals(), Interrupted: p.ended(),
	}
	if c.FuzzSeeds != "" {
		n, err := seeds.Write(c.FuzzSeeds)
		if err != nil {
			return err
		}
		r.Seeds = n
		e.warnf("%s holds %d seeds, with messages in plain text; go doc github.com/intentra/intentra/fuzz SeedFS tells how to use them", c.FuzzSeeds, n)
	}
	p.totals(&r)
	if c.JSON {
		if err := printJSON(e.stdout, r); err != nil {
			return err
		}
	}
	if p.err != nil {
		return p.err
	}
	if !res.Same() {
		return errDiffers
	}
	return nil
}

// replayResult is what --json prints.
type replayResult struct {
	Journal     bool              `json:"journal"` // or a plain capture
	Whole       bool              `json:"whole"`   // the journal has its end
	Received    int               `json:"received"`
	Sent        int               `json:"sent"`
	Other       int               `json:"other"`    // packets that are none of ours
	Unjudged    int               `json:"unjudged"` // received, of those
	Delivered   int               `json:"delivered"`
	Entries     int               `json:"entries"`
	Differences map[string]int    `json:"differences"`
	Totals      map[string]uint64 `json:"totals"`
	Seeds       int               `json:"seeds"`
	Interrupted bool              `json:"interrupted"`
}
