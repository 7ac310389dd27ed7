package main

import (
	"fmt"
	"math"
	"strings"

	"github.com/intentra/intentra/console"
	"github.com/intentra/intentra/fleet/member"
	"github.com/intentra/intentra/fleet/node"
)

// view returns what the live page shows of a hub's fleet: the hubs with the flows from them,
// and counters of moves and losses.
func view(s *node.Status) []console.Section {
	hubs := console.Section{
		Title: "Fleet", Warning: strings.Join(warnings(s), "; "), Note: others(s.Stats.Hubs),
		Columns: []string{"Hub", "Address", "State", "Peers", "Topics", "Silent s", "Batches in", "Missing", "Reordered", "Duplicate"},
	}
	for i := range s.Hubs {
		hubs.Rows = append(hubs.Rows, hubRow(&s.Hubs[i]))
	}
	shards := console.Section{
		Title: "Shards", Note: "updates from one hub to another, in a sequence of their own; gaps are batches that did not arrive, which the receiver counts",
		Columns: []string{"From", "To", "Updates/s", "Bytes/s", "Updates", "Batches", "Gaps", "Subject"},
	}
	for i := range s.Shards {
		shards.Rows = append(shards.Rows, shardRow(&s.Shards[i]))
	}
	counters := console.Section{Title: "Between hubs", Note: "since this hub started", Columns: []string{"What", "Count"}}
	add := func(what string, n uint64) { counters.Rows = append(counters.Rows, []string{what, grouped(n)}) }
	add("topics wanted of other hubs", uint64(s.Wanted))
	add("topics that other hubs want", uint64(s.Exported))
	add("updates sent", s.UpdatesSent)
	add("batches sent", s.BatchesSent)
	add("updates received", s.Updates)
	add("publishers that moved", s.Moves)
	add("sessions replaced", s.Replaced)
	add("hubs lost", s.Lost)
	losses := console.Section{Title: "Losses between hubs", Note: "since this hub started; those that are zero are left out", Columns: []string{"Reason", "Count"}}
	lost := func(what string, n uint64) {
		if n > 0 {
			losses.Rows = append(losses.Rows, []string{what, grouped(n)})
		}
	}
	lost("batches missing", s.Batches.Missing-min(s.Batches.Reordered, s.Batches.Missing))
	lost("updates missing", s.Missing-min(s.Drops[member.Stale], s.Missing))
	lost("of these, Reliable", s.LostReliable)
	for r := range member.Reasons {
		lost("dropped: "+r.String(), s.Drops[r])
	}
	for r := range member.UnsentReasons {
		lost("not sent: "+r.String(), s.Unsent[r])
	}
	lost("no room at this hub", s.Overflow)
	lost("not received in time", s.Slow)
	lost("frames that NATS did not take", s.FramesUnsent)
	return []console.Section{hubs, shards, counters, losses}
}

// warnings says what needs a look.
func warnings(s *node.Status) (lines []string) {
	if !s.Connected {
		lines = append(lines, "NATS away")
	}
	for i := range s.Hubs {
		if h := &s.Hubs[i]; !h.Self && !h.Alive {
			lines = append(lines, "hub "+h.Key.String()[:8]+" silent")
		}
	}
	return append(lines, faults(s)...)
}

// others says how many other hubs are alive.
func others(n int) string {
	if n == 1 {
		return "1 other hub alive"
	}
	return fmt.Sprintf("%d other hubs alive", n)
}

// none is the text of a cell that does not apply.
const none = "–"

// hubRow returns the texts of a hub.
func hubRow(h *member.Seen) []string {
	row := []string{h.Key.String()[:8], h.Addr, stateOf(h), grouped(uint64(h.Peers)), grouped(uint64(h.Topics))}
	if h.Self {
		return append(row, none, none, none, none, none)
	}
	return append(row, fmt.Sprintf("%.1f", h.Silent.Seconds()), grouped(h.Flow.Received), grouped(h.Flow.Missing), grouped(h.Flow.Reordered), grouped(h.Flow.Duplicate))
}

// shardRow returns the texts of a shard.
func shardRow(s *node.Shard) []string {
	gaps := none
	if s.In {
		gaps = grouped(s.Gaps)
	}
	return []string{
		s.From.String()[:8], s.To.String()[:8], grouped(uint64(math.Round(s.UpdatesPerSecond))), grouped(uint64(math.Round(s.BytesPerSecond))),
		grouped(s.Updates), grouped(s.Batches), gaps, shorten(s.Subject),
	}
}

// grouped writes a number with a comma between thousands, as the rest of the page does.
func grouped(n uint64) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// shorten leaves out most of the key in a subject; status has all of it.
func shorten(subject string) string {
	prefix, key := subject[:strings.LastIndexByte(subject, '.')+1], subject[strings.LastIndexByte(subject, '.')+1:]
	if len(key) <= 8 {
		return subject
	}
	return prefix + key[:8] + "…"
}

// stateOf returns a word for the state of a hub.
func stateOf(h *member.Seen) string {
	switch {
	case h.Self && h.Draining:
		return "this one, draining"
	case h.Self:
		return "this one"
	case !h.Alive:
		return "silent"
	case h.Draining:
		return "draining"
	}
	return "alive"
}
