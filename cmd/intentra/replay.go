package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/intentra/intentra/internal/journal"
	"github.com/intentra/intentra/internal/replay"
)

type replayCmd struct {
	Capture   fileName   `arg:"" name:"capture" help:"The recording (--record), or a capture of tcpdump, dumpcap or Wireshark; - is standard input."`
	Keys      fileName   `required:"" placeholder:"FILE" help:"The keys file (--record-keys) of the side that is to be replayed."`
	Stage     stageName  `placeholder:"NAME" help:"Show each packet, or message, as it leaves this stage of the inbound chain, instead of its verdict."`
	FuzzSeeds folderName `placeholder:"DIR" help:"Write what passes into folders of DIR, as seeds for fuzzing: datagrams, frames, messages."`
	Frames    newFile    `placeholder:"FILE" help:"Write the plaintext of each data packet to a new FILE (pcap), for Wireshark with the dissector intentra_frames."`
	Quiet     bool       `short:"q" help:"No line for each packet."`
	JSON      bool       `name:"json" help:"Print the result as one JSON object, the last line of standard output."`
}

func (c *replayCmd) Help() string {
	return `The real protocol core gets once more all that the recorded one was given, with the same times and the same
randomness: it comes to the same verdicts and sends the same bytes. What differs is printed, and the exit code is 1:
the capture is not as it was, or the program has changed. A line for each datagram received says what became of it;
totals by stage and reason follow. The recording must be of the default stages: one of a program with stages of its own
is refused.

Of a plain capture the data packets are judged whose keys the keys file has, which is enough to see what a stage
thinks of them; handshakes and what is sent are not.

The exit code is 1, too, if there was nothing to compare or to judge, unless --fuzz-seeds or --frames ask for what is
there. A recording whose writer was killed is replayed as far as it goes, which is no failure. One that is damaged in
the middle is replayed up to there, and the exit code is 2, as it is for keys that are damaged or of another recording.

--json prints {"journal","whole","received","sent","other","unjudged","cut","delivered","entries","differences":{},
"totals":{},"seeds","interrupted"} and, if nothing was replayed or not all, "error".`
}

// mostDifferences is how many are printed; all are counted.
const mostDifferences = 100

func (c *replayCmd) Run(e *environment) (err error) {
	keys, err := journal.ReadKeys(string(c.Keys))
	if err != nil {
		return c.refuse(e, emptyResult(), c.wrongInput(err))
	}
	if err := c.FuzzSeeds.check(); err != nil {
		return err
	}
	capture, err := c.open(e)
	if err != nil {
		return c.refuse(e, emptyResult(), err)
	}
	defer capture.Close()
	out, _ := e.live(c.JSON)
	p := &replayPrinter{out: out, quiet: c.Quiet || c.Stage != "", ended: func() bool { return e.ctx.Err() != nil }}
	if c.Quiet {
		p.progress, p.toldAt = e.stderr, time.Now()
	}
	o := replay.Options{Keys: keys, Packet: p.packet, Difference: p.difference, Stop: p.stop}
	if c.Stage != "" {
		o.Views = map[string]func(replay.View){string(c.Stage): p.view}
	}
	var seeds replay.Seeds
	if c.FuzzSeeds != "" {
		o = seeds.Watch(o)
	}
	if c.Frames != "" {
		f, openErr := os.OpenFile(string(c.Frames), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if openErr != nil {
			return usagef("replay: %w; give the name of a new file", openErr)
		}
		frames := newFramesFile(f)
		o = frames.Watch(o)
		defer func() {
			err = errors.Join(err, frames.close())
			if _, wrong := errors.AsType[usageError](err); wrong && p.last == 0 { // nothing is in it
				err = errors.Join(err, os.Remove(string(c.Frames)))
			}
		}()
	}
	res, err := replay.Run(capture, o)
	if failure := c.failed(err, &res, p.last); failure != nil {
		return c.conclude(e, p, &res, &seeds, keys.Local.Port(), failure)
	}
	if (err != nil || res.Journal && !res.Whole) && !p.ended() {
		e.warnf("%s ends early, as if its writer had been killed; what is before that was replayed", c.name())
	}
	return c.conclude(e, p, &res, &seeds, keys.Local.Port(), nil)
}

// name is the capture's.
func (c *replayCmd) name() string {
	if c.Capture == "-" {
		return "standard input"
	}
	return string(c.Capture)
}

func (c *replayCmd) open(e *environment) (*journal.Capture, error) {
	capture, err := untilInterrupted(e, c.name(), func() (*journal.Capture, error) {
		if c.Capture == "-" {
			return journal.NewCapture(&interruptedReader{e, c.name()})
		}
		return journal.Open(string(c.Capture))
	})
	if errors.Is(err, errInterrupted) {
		return nil, fmt.Errorf("replay: %w", err)
	}
	if err != nil {
		return nil, c.wrongInput(err)
	}
	return capture, nil
}

// interruptedReader is standard input up to an interrupt.
type interruptedReader struct {
	e    *environment
	name string
}

func (r *interruptedReader) Read(b []byte) (int, error) {
	// What is left behind by an interrupt has no hold on b.
	got, err := untilInterrupted(r.e, r.name, func() ([]byte, error) {
		own := make([]byte, len(b))
		n, err := r.e.stdin.Read(own)
		return own[:n], err
	})
	return copy(b, got), err
}

func (c *replayCmd) wrongInput(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return usagef("replay: %w; pub, sub and hub make one with --record FILE --record-keys FILE", err)
	}
	return usagef("replay: %w", err)
}

// failed returns what the command ends with, if the replay has ended with an error:
// not one that says that the capture was cut off behind what was replayed, or was an
// interrupt. Whatever is wrong with the files is wrong input.
func (c *replayCmd) failed(err error, res *replay.Result, last int) error {
	nothing := res.Received+res.Sent+res.Other+res.Entries == 0
	switch {
	case err == nil || errors.Is(err, errInterrupted):
		return nil
	case errors.Is(err, replay.ErrNoStage), errors.Is(err, replay.ErrKeys), errors.Is(err, replay.ErrKeysCut), errors.Is(err, replay.ErrStages):
		return usageError{err}
	case nothing && errors.Is(err, io.ErrUnexpectedEOF):
		return usagef("replay: %s is cut off before anything that could be replayed", c.name())
	case nothing && errors.Is(err, journal.ErrCapture):
		return usagef("replay: %s: %w", c.name(), err)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return nil
	case errors.Is(err, journal.ErrCapture):
		return usagef("replay: %s, behind packet %d: %w", c.name(), last, err)
	}
	return fmt.Errorf("replay: %s, behind packet %d: %w", c.name(), last, err)
}
