package fuzz

import (
	"bytes"
	"fmt"
	"reflect"
)

// compare returns what differs between two runs of the plan, the second of
// which had the memory m. Runs with private memory differ only if the stage does
// not decide by its inputs alone; one with shared memory, only if it keeps them.
func (p *plan) compare(first, again *trace, m memory) error {
	why := "the same input gave two results. A stage decides by its packets, its notices and Packet.Now: look for clocks, random numbers, the order of a map, and variables that all stages of the kind share"
	if m == overwritten {
		why = "the result changed when the memory of earlier packets was overwritten. The stage has kept the Packet, Data, a payload or Reply past its return: copy what is to be kept"
	}
	for i := range max(len(first.seen), len(again.seen)) {
		switch {
		case i >= len(first.seen):
			return wrong("stage %q: %s (a further call for %s)", first.name, why, p.describe(again.seen[i].packet))
		case i >= len(again.seen):
			return wrong("stage %q: %s (no call for %s)", first.name, why, p.describe(first.seen[i].packet))
		}
		if d := first.difference(&first.seen[i], &again.seen[i]); d != "" {
			return wrong("stage %q: %s (%s: %s)", first.name, why, p.describe(first.seen[i].packet), d)
		}
	}
	return nil
}

// difference names the first thing in which two sights differ, or is "".
func (t *trace) difference(a, b *sight) string {
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
