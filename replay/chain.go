package replay

import (
	"fmt"
	"slices"
	"strings"

	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/stages"
)

// chainOf returns the hook that makes the chains what they were, and puts
// windows for Options.Views into the inbound one. packet tells the number of the
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
		return addWindows(s, o, packet)
	}
}

func addWindows(s *stages.Set, o Options, packet func() int) error {
	names := s.Names()
	for _, name := range keys(o.Views) {
		if !slices.Contains(names, name) {
			return fmt.Errorf("%w %q; there are: %s", ErrNoStage, name, strings.Join(names, " "))
		}
		s.InsertAfter(name, &window{"replay_window_" + name, o.Views[name], packet})
	}
	return nil
}

// window is the stage that shows what passes it, and changes nothing.
type window struct {
	name   string
	view   func(View)
	packet func() int
}

func (w *window) Name() string         { return w.name }
func (w *window) Reasons() []string    { return nil }
func (w *window) ReadsPlaintext() bool { return false }

func (w *window) Process(p *pipeline.Packet) pipeline.Verdict {
	w.view(View{Number: w.packet(), Packet: p})
	return pipeline.Accept
}
