package replay

import (
	"fmt"
	"slices"
	"strings"

	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/stages"
)

// chainOf returns the hook that makes the chains what they were, and puts the
// window for Options.View into the inbound one. packet tells the number of the
// packet in hand.
func chainOf(o Options, inbound, outbound []string, packet func() int) func(*stages.Set) error {
	return func(s *stages.Set) error {
		if o.Stages != nil {
			if err := o.Stages(s); err != nil {
				return err
			}
		}
		for _, c := range []struct {
			name          string
			recorded, now []string
		}{{"inbound", inbound, s.Names()}, {"outbound", outbound, s.Outbound.Names()}} {
			if !slices.Equal(c.recorded, c.now) {
				return fmt.Errorf("%w: %s [%s], here [%s]; replay with the same Config.Stages", ErrStages, c.name,
					strings.Join(c.recorded, " "), strings.Join(c.now, " "))
			}
		}
		return addWindow(s, o, packet)
	}
}

func addWindow(s *stages.Set, o Options, packet func() int) error {
	if o.At == "" {
		return nil
	}
	if !slices.Contains(s.Names(), o.At) {
		return fmt.Errorf("replay: there is no stage %q; there are: %s", o.At, strings.Join(s.Names(), " "))
	}
	s.InsertAfter(o.At, &window{o.View, packet})
	return nil
}

// window is the stage that shows what passes it, and changes nothing.
type window struct {
	view   func(View)
	packet func() int
}

func (w *window) Name() string         { return "replay_window" }
func (w *window) Reasons() []string    { return nil }
func (w *window) ReadsPlaintext() bool { return false }

func (w *window) Process(p *pipeline.Packet) pipeline.Verdict {
	if w.view != nil {
		w.view(View{Number: w.packet(), Packet: p})
	}
	return pipeline.Accept
}
