package chain

import (
	"fmt"
	"slices"

	"github.com/intentra/intentra/fuzz/internal/fault"
)

// outcome is the result of one packet or message in one of the chains.
type outcome struct {
	of       string
	number   int // among those of the same kind, from one
	outbound bool
	parts    []part
}

type part struct{ name, value string }

func (c *senders) note(of string, outbound bool, parts ...part) {
	number := 1
	for _, o := range c.outcome {
		if o.of == of {
			number++
		}
	}
	c.outcome = append(c.outcome, outcome{of, number, outbound, parts})
}

// checkSame compares the outcomes of two runs of an input.
func checkSame(r *rig, first, again []outcome) error {
	for i := range min(len(first), len(again)) {
		a, b := first[i], again[i]
		if slices.Equal(a.parts, b.parts) {
			continue
		}
		what, x, y := differing(a.parts, b.parts)
		return fault.Errorf("fuzz/chain: the same input had two outcomes. A stage may decide only by its packets, its notices and Packet.Now, and the change must make new stages on each call: look at %s. The first difference is in %s %d, in its %s:\nfirst %s\nthen  %s",
			r.suspects(a.outbound), a.of, a.number, what, x, y)
	}
	if len(first) != len(again) {
		return fault.Errorf("fuzz/chain: the same input had two outcomes, first of %d packets and messages and then of %d: look at %s and %s", len(first), len(again), r.suspects(false), r.suspects(true))
	}
	return nil
}

// suspects names the user's stages of a chain, or of the other chain if it has none:
// inbound stages affect outbound packets too, through acknowledgements.
func (r *rig) suspects(outbound bool) string {
	const none = "[]"
	in, out := r.userStages(r.In), r.userStages(r.Out)
	switch {
	case in == none && out == none:
		return "what the change does to the default stages"
	case outbound && out != none, in == none:
		return out + " of the outbound chain"
	}
	return in + " of the inbound chain"
}

// differing returns the name of the first part that differs, and an excerpt of both
// values around the difference.
func differing(a, b []part) (name, x, y string) {
	for i := range min(len(a), len(b)) {
		if x, y := a[i].value, b[i].value; x != y {
			at := 0
			for at < min(len(x), len(y)) && x[at] == y[at] {
				at++
			}
			return a[i].name, window(x, at), window(y, at)
		}
	}
	return "parts", fmt.Sprint(len(a)), fmt.Sprint(len(b))
}

// How much of a value a failure shows around a difference, in bytes.
const (
	shownBefore = 60
	shownBehind = 110
)

func window(s string, at int) string {
	from, to := max(at-shownBefore, 0), min(at+shownBehind, len(s))
	text := s[from:to]
	if from > 0 {
		text = fmt.Sprintf("(%d characters)...%s", from, text)
	}
	if to < len(s) {
		text += "..."
	}
	return text
}
