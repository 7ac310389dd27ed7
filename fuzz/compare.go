package fuzz

import (
	"bytes"
	"fmt"
	"reflect"
	"slices"

	"github.com/intentra/intentra/fuzz/internal/fault"
)

// difference is the first difference between the first run of a plan and another one.
type difference struct {
	key, text string
	prepared  bool // Prepare, not the stage, caused it
}

// confirmations is the number of repeated runs before a difference is attributed to
// anything but chance. Eight fair coins agree once in 256 times, and here the runs of
// both kinds must agree.
const confirmations = 8

// difference runs the plan with memory m and returns the first difference to the first
// run, or nil.
func (k *kit) difference(p *plan, first *trace, m memory) *difference {
	again, err := k.run(p, m)
	if text := p.comparePrepared(first, again); text != "" {
		return &difference{text, text, true}
	}
	if err != nil {
		return &difference{fault.Cause(err), fmt.Sprintf("(the first run had no failure, another: %v)", err), again.preparing}
	}
	if text := p.compare(first, again); text != "" {
		return &difference{text, text, false}
	}
	return nil
}

// comparePrepared returns the first packet that Prepare changed differently in two runs,
// or "".
func (p *plan) comparePrepared(first, again *trace) string {
	for i := range min(len(first.packets), len(again.packets)) {
		a, b := &first.packets[i], &again.packets[i]
		if d := first.difference(a, b); d != "" {
			return fmt.Sprintf("(%s: %s)", p.describe(a.packet), d)
		}
	}
	return ""
}

// unsteady returns the error for a stage whose results do not depend only on its input.
func (d *difference) unsteady(stage string) error {
	if d.prepared {
		return wrong("Prepare changed the same packet in two ways: it must do the same each time, whatever it was called with before, and keep nothing %s", d.text)
	}
	return wrong("stage %q: the same input gave two results. A stage may decide only by its packets, its notices and Packet.Now: look for clocks, random numbers, the order of a map, and variables that all stages of the kind share %s", stage, d.text)
}

// checkMemory compares the first run with one in which memory m is used. A stage that
// keeps no memory has the same results; one that keeps some differs each time, unlike
// one that decides at random.
func (k *kit) checkMemory(p *plan, first *trace, m memory) error {
	d := k.difference(p, first, m)
	if d == nil {
		return nil
	}
	if d.prepared {
		return d.unsteady(first.name)
	}
	steady := func() bool {
		again := k.difference(p, first, m)
		return again != nil && again.key == d.key
	}
	if by := k.chance(p, first, steady); by != nil {
		return by.or(d).unsteady(first.name)
	}
	if m == warmed {
		return wrong("stage %q: the result changed when Warm was called before each packet: Warm may read state but must not change it, because a driver may leave it out %s", first.name, d.text)
	}
	what := "overwritten"
	if m == reused {
		what = "reused for later ones"
	}
	return wrong("stage %q: the result changed when the memory of earlier packets was %s. The stage has kept the Packet, Data, a payload or Reply past its return: copy what is to be kept %s", first.name, what, d.text)
}

// chance runs the plan repeatedly, and returns a difference if a run differs from the
// first, or if steady, which it calls as often, returns false.
func (k *kit) chance(p *plan, first *trace, steady func() bool) *difference {
	for range confirmations {
		if d := k.difference(p, first, kept); d != nil {
			return d
		}
		if !steady() {
			return new(difference)
		}
	}
	return nil
}

// or returns d, or other if d says nothing.
func (d *difference) or(other *difference) *difference {
	if d.text == "" {
		return other
	}
	return d
}

// compare returns the first difference between two runs of the plan, or "".
func (p *plan) compare(first, again *trace) string {
	if first.name != again.name || !slices.Equal(first.reasons, again.reasons) {
		return fmt.Sprintf("(the constructor made %q with reasons %q, and then %q with %q)", first.name, first.reasons, again.name, again.reasons)
	}
	for i := range max(len(first.seen), len(again.seen)) {
		switch {
		case i >= len(first.seen):
			return fmt.Sprintf("(a further call for %s)", p.describe(again.seen[i].packet))
		case i >= len(again.seen):
			return fmt.Sprintf("(no call for %s)", p.describe(first.seen[i].packet))
		}
		if d := first.difference(&first.seen[i], &again.seen[i]); d != "" {
			return fmt.Sprintf("(%s: %s)", p.describe(first.seen[i].packet), d)
		}
	}
	return ""
}

// difference returns the first difference between two observations, or "".
func (t *trace) difference(a, b *observation) string {
	if a.packet != b.packet {
		return "another packet"
	}
	if a.verdict != b.verdict {
		return fmt.Sprintf("first %s, then %s", t.verdict(a.verdict), t.verdict(b.verdict))
	}
	for _, part := range []struct {
		name string
		a, b []byte
	}{{"Data", a.data, b.data}, {"Payload", a.payload, b.payload}, {"Reply", a.reply, b.reply}} {
		if !bytes.Equal(part.a, part.b) {
			return fmt.Sprintf("%s first %s, then %s", part.name, excerpt(part.a), excerpt(part.b))
		}
	}
	if a.fields == b.fields {
		return ""
	}
	x, y := reflect.ValueOf(a.fields), reflect.ValueOf(b.fields)
	for i := range x.NumField() {
		if !x.Field(i).Equal(y.Field(i)) {
			return fmt.Sprintf("%s first %v, then %v", x.Type().Field(i).Name, x.Field(i), y.Field(i))
		}
	}
	return "fields"
}
