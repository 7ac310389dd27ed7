package main

import (
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/intentra/intentra/internal/replay"
)

// replayPrinter prints the events of a replay, one line each.
type replayPrinter struct {
	out   io.Writer
	quiet bool
	ended func() bool
	last  int // packet

	progress io.Writer // nil: none
	toldAt   time.Time // when progress was last printed

	told int // differences
	err  error
}

func (p *replayPrinter) printf(format string, args ...any) {
	if _, err := fmt.Fprintf(p.out, format, args...); err != nil && p.err == nil {
		p.err = err
	}
}

// stop is called often, and prints the progress once a second.
func (p *replayPrinter) stop() bool {
	if p.progress != nil && time.Since(p.toldAt) >= time.Second {
		p.toldAt = time.Now()
		fmt.Fprintf(p.progress, "replay: at packet %d, %d differences\n", p.last, p.told)
	}
	return p.ended()
}

func (p *replayPrinter) packet(k replay.Packet) {
	p.last = k.Number
	if p.quiet {
		return
	}
	text := k.Note
	if text == "" {
		text = k.Replayed.String()
	}
	p.printf("%7d  %s  %s  %d B  %s\n", k.Number, k.Time.UTC().Format("15:04:05.000000000"), k.From, len(k.Data), text)
}

// shownBytes is how much of a payload view prints.
const shownBytes = 32

// view prints a packet or message that a stage has accepted.
func (p *replayPrinter) view(v replay.View) {
	p.printf("%7d  %s  %d B", v.Number, v.Addr, len(v.Data))
	if v.Epoch != 0 {
		p.printf("  epoch %#08x  counter %d", uint32(v.Epoch), v.Counter)
	}
	if v.Intent != 0 {
		p.printf("  %s on channel %d", v.Intent, v.Channel)
	}
	if b := v.Payload(); v.Opened() {
		p.printf("  payload %d B  %x", len(b), b[:min(len(b), shownBytes)])
		if len(b) > shownBytes {
			p.printf("...")
		}
	}
	p.printf("\n")
}

func (p *replayPrinter) difference(d replay.Difference) {
	if p.told++; p.told <= mostDifferences {
		p.printf("DIFFERS  %s\n", d)
	}
	if p.told == mostDifferences {
		p.printf("DIFFERS  the others are only counted\n")
	}
}

func (p *replayPrinter) totals(r *replayResult) {
	kind := "plain capture"
	switch {
	case r.Journal && (r.Whole || r.Error != ""):
		kind = "recording"
	case r.Journal:
		kind = "recording without an end"
	}
	if r.Error != "" {
		kind += ", as far as it was replayed"
	}
	p.printf("%s: %d datagrams received, %d sent, %d messages delivered", kind, r.Received, r.Sent, r.Delivered)
	if r.Unjudged > 0 {
		p.printf(", %d received but not judged", r.Unjudged)
	}
	if r.Other > 0 {
		p.printf(", %d other packets", r.Other)
	}
	if r.Cut > 0 {
		p.printf(", %d of them captured only in part (tcpdump -s 0 captures all)", r.Cut)
	}
	if r.Skipped > 0 {
		p.printf(", %d of them on interfaces that cannot be read", r.Skipped)
	}
	if r.Interrupted {
		p.printf("; interrupted")
	}
	p.printf("\n")
	printCounts(p, r.Totals)
	switch {
	case len(r.Differences) > 0:
		p.printf("differences, by kind:\n")
		printCounts(p, r.Differences)
	case !r.Journal || r.Received+r.Sent+r.Entries == 0:
	case r.Interrupted || r.Error != "":
		p.printf("identical as far as it was replayed\n")
	case !r.Whole:
		p.printf("identical as far as it goes: the recording has no end, as if its writer had been killed\n")
	default:
		p.printf("identical to the recording\n")
	}
}

// printCounts prints a line for each count, sorted by name.
func printCounts[N int | uint64](p *replayPrinter, counts map[string]N) {
	names := make([]string, 0, len(counts))
	for name := range counts {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		p.printf("%12d  %s\n", counts[name], name)
	}
}
