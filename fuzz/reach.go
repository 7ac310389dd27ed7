package fuzz

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/intentra/intentra/pipeline"
)

// reach is how far the packets of the seeds get in a stage.
type reach struct {
	stage             string
	packets, accepted int            // accepted or consumed; of a splitter also messages
	drops             map[string]int // by reason
	broken            bool           // a seed breaks another law, which f.Fuzz reports
}

// reach runs the inputs, each with a new stage.
func (k *kit) reach(inputs [][]byte) *reach {
	r := &reach{drops: map[string]int{}}
	for _, input := range inputs {
		t, err := k.run(newPlan(input, k.position), kept)
		r.broken = r.broken || err != nil
		r.stage = t.name
		for _, s := range t.seen {
			r.packets++
			if s.verdict == pipeline.Accept || s.verdict == pipeline.Consumed {
				r.accepted++
				continue
			}
			r.drops[t.reasons[s.verdict-pipeline.DropFirst]]++
		}
	}
	return r
}

// String says how many packets the stage has accepted.
func (r *reach) String() string {
	return fmt.Sprintf("fuzz: stage %q accepted %d of the %d packets of the seeds%s", r.stage, r.accepted, r.packets, r.dropped())
}

// err returns an error if the stage has accepted nothing: then the seeds have tested
// nothing after its first checks.
func (r *reach) err() error {
	if r.broken || r.accepted > 0 || r.packets == 0 {
		return nil
	}
	return wrong("stage %q accepted none of the %d packets of the seeds, so nothing after its first checks was tested%s; give it packets that it accepts, with fuzz.Seed, or with fuzz.Prepare where they need a signature or a checksum",
		r.stage, r.packets, r.dropped())
}

// dropped lists the drops by reason.
func (r *reach) dropped() string {
	var list []string
	for _, reason := range slices.Sorted(maps.Keys(r.drops)) {
		list = append(list, fmt.Sprintf("%d dropped as %q", r.drops[reason], reason))
	}
	if len(list) == 0 {
		return ""
	}
	return " (" + strings.Join(list, ", ") + ")"
}
