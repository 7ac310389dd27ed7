package replay

import (
	"fmt"
	"slices"
	"strings"

	"github.com/intentra/intentra/stages"
)

// chainOf returns the hook that makes the chains what they were, with the windows
// for Options.Views in the inbound one.
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
