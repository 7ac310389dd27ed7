package replay

import (
	"fmt"
	"maps"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/stages"
)

// chainOf returns the conn.Config.Stages of a replay: it applies Options.Stages,
// compares the chains with the recorded ones, and adds the stages for
// Options.Views.
func chainOf(o Options, views *viewing, inbound, outbound []string) func(*stages.Set) error {
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
		return views.add(s)
	}
}

// view returns o with f added to its views of a stage.
func (o Options) view(stage string, f func(View)) Options {
	views := maps.Clone(o.Views)
	if views == nil {
		views = map[string]func(View){}
	}
	if other := views[stage]; other != nil {
		views[stage] = func(v View) { f(v); other(v) }
	} else {
		views[stage] = f
	}
	o.Views = views
	return o
}

// viewing is the views of a replay, the number of the current packet, and the first
// panic of a view.
type viewing struct {
	views  map[string]func(View)
	packet int
	err    error
}

// add inserts a window after each stage that has a view.
func (v *viewing) add(s *stages.Set) error {
	names := s.Names()
	for _, name := range keys(v.views) {
		if !slices.Contains(names, name) {
			return fmt.Errorf("%w %q; the stages are: %s", ErrNoStage, name, strings.Join(names, " "))
		}
		s.InsertAfter(name, &window{v, name})
	}
	return nil
}

// window is a stage that calls a view and accepts everything.
type window struct {
	*viewing
	stage string
}

func (w *window) Name() string         { return "replay_window_" + w.stage }
func (w *window) Reasons() []string    { return nil }
func (w *window) ReadsPlaintext() bool { return false }

func (w *window) Process(p *pipeline.Packet) (v pipeline.Verdict) {
	v = pipeline.Accept
	defer func() {
		// The chain would count it as a panic of the stage.
		if r := recover(); r != nil && w.err == nil {
			w.err = fmt.Errorf("%w: stage %q, packet %d: %v\n\n%s", ErrView, w.stage, w.packet, r, debug.Stack())
		}
	}()
	w.views[w.stage](View{Number: w.packet, Packet: p})
	return v
}
