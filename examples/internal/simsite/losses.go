package simsite

import (
	"fmt"
	"strings"
	"testing"

	"github.com/intentra/intentra/examples/internal/tally"
	"github.com/intentra/intentra/sim"
)

// AtEachLoss runs an example over links that lose 0, 5 and 20 % of the datagrams, logs its
// reports, and fails t if a requirement is not met.
func AtEachLoss(t *testing.T, link sim.Link, run tally.Run) {
	for _, loss := range []float64{0, 0.05, 0.2} {
		t.Run(fmt.Sprint(loss), func(t *testing.T) {
			link.Loss = loss
			s, err := New(1, link)
			if err != nil {
				t.Fatal(err)
			}
			report, err := run(s)
			if err != nil {
				t.Fatal(err)
			}
			var b strings.Builder
			_ = report.Write(&b) // a Builder's Write returns nil
			t.Logf("\n%s", b.String())
			if err := report.Err(); err != nil {
				t.Error(err)
			}
			if err := s.Err(); err != nil {
				t.Error(err)
			}
		})
	}
}
