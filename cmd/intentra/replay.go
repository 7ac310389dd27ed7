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
	Keys      fileName   `required:"" placeholder:"FILE" help:"The keys file (--record-keys) of the side to replay."`
	Stage     stageName  `placeholder:"NAME" help:"Print each packet or message as it leaves this stage of the inbound chain, instead of its verdict."`
	FuzzSeeds folderName `placeholder:"DIR" help:"Write the datagrams, frames and messages into folders of DIR, as seeds for fuzzing."`
	Frames    newFile    `placeholder:"FILE" help:"Write the plaintext of each data packet to a new FILE (pcap), for Wireshark with the dissector intentra_frames."`
	Quiet     bool       `short:"q" help:"Do not print a line for each packet."`
	JSON      bool       `name:"json" help:"Print the result as one JSON object, the last line of standard output."`
}

func (c *replayCmd) Help() string {
	return `Gives the real protocol core all the inputs of the recorded one again, with the same times and random bytes, so it
reaches the same verdicts and sends the same bytes. Every difference is printed, and the exit code is then 1: the
capture was changed, or the program was. A line for each received datagram shows its verdict; totals by stage and
reason follow. The recording must have been made with the default stages; one of a program with other stages is refused.

In a plain capture, the data packets are judged whose keys are in the keys file, which shows how each stage treats
them. Handshakes and sent packets are not judged.

The exit code is also 1 if there was nothing to compare or to judge, or if the keys open none of the data packets that were
received. Packets of interfaces whose link type cannot be read are skipped with a warning. A recording whose writer was killed is replayed as far as it goes, which is not a failure. A recording with a damaged
middle is replayed up to the damage, and the exit code is 2, as it is for damaged keys and for keys of another recording.

--json prints {"journal","whole","received","sent","other","unjudged","opened","cut","skipped","delivered","entries","differences":{},
"totals":{},"seeds","interrupted"} and, if nothing or only a part was replayed, "error".`
}

// mostDifferences is how many differences are printed; all are counted.
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
			return usagef("replay: %w%s", openErr, newFileHint(openErr))
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
	skipped, notes := capture.Skipped()
	for _, note := range notes {
		e.warnf("%s: %s", c.name(), note)
	}
	r := newReplayResult(&res, skipped, p.ended())
	if failure := c.failed(err, &res, p.last); failure != nil {
		return c.conclude(e, p, r, &seeds, keys.Local.Port(), failure)
	}
	if (err != nil || res.Journal && !res.Whole) && !p.ended() {
		e.warnf("%s ends early, as if its writer had been killed; everything before that was replayed", c.name())
	}
	return c.conclude(e, p, r, &seeds, keys.Local.Port(), nil)
}

// name returns the name of the capture for messages.
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

// interruptedReader reads standard input until an interrupt.
type interruptedReader struct {
	e    *environment
	name string
}

func (r *interruptedReader) Read(b []byte) (int, error) {
	// A read that is still blocked after an interrupt must not write to b.
	got, err := untilInterrupted(r.e, r.name, func() ([]byte, error) {
		own := make([]byte, len(b))
		n, err := r.e.stdin.Read(own)
		return own[:n], err
	})
	return copy(b, got), err
}

func (c *replayCmd) wrongInput(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return usagef("replay: %w; pub, sub and hub create one with --record FILE --record-keys FILE", err)
	}
	return usagef("replay: %w", err)
}

// failed returns the error that the command ends with after replay.Run returned
// err. A truncated capture of which something was replayed, and an interrupt, are
// not failures. Every fault of the files is wrong input.
func (c *replayCmd) failed(err error, res *replay.Result, last int) error {
	nothing := res.Received+res.Sent+res.Other+res.Entries == 0
	switch {
	case err == nil || errors.Is(err, errInterrupted):
		return nil
	case errors.Is(err, replay.ErrNoStage), errors.Is(err, replay.ErrKeys), errors.Is(err, replay.ErrKeysCut), errors.Is(err, replay.ErrStages):
		return usage(err)
	case nothing && errors.Is(err, io.ErrUnexpectedEOF):
		return usagef("replay: %s is truncated before anything that could be replayed", c.name())
	case nothing && errors.Is(err, journal.ErrCapture):
		return usagef("replay: %s: %w", c.name(), err)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return nil
	case errors.Is(err, journal.ErrCapture):
		return usagef("replay: %s, after packet %d: %w", c.name(), last, err)
	}
	return fmt.Errorf("replay: %s, after packet %d: %w", c.name(), last, err)
}
