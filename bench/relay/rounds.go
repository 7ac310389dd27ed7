package relay

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
)

// Results are the measurements of each implementation, by name, in the order of the
// rounds.
type Results map[string][]Result

// Rounds measures the implementations in turn, each time in a process of its own, which
// is this executable with the arguments that child returns. Every second round is in
// reverse order. Progress goes to w.
func Rounds(ctx context.Context, hubs []Hub, rounds int, child func(Hub) []string, w io.Writer) (Results, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	results := Results{}
	for round := range rounds {
		order := slices.Clone(hubs)
		if round%2 == 1 {
			slices.Reverse(order)
		}
		for _, h := range order {
			c := exec.CommandContext(ctx, self, child(h)...)
			c.Stderr = w
			out, err := c.Output()
			if err != nil {
				return nil, fmt.Errorf("%s: %w", h.Name, err)
			}
			var r Result
			if err := json.Unmarshal(out, &r); err != nil {
				return nil, fmt.Errorf("%s: %w", h.Name, err)
			}
			results[h.Name] = append(results[h.Name], r)
			fmt.Fprintf(w, "round %d: %-10s %6.2f M/s\n", round+1, h.Name, r.PerSecond/1e6)
		}
	}
	return results, nil
}

// Print prints the medians, and the median of the ratios to the first implementation, which
// are taken round by round.
func (r Results) Print(w io.Writer, hubs []Hub) {
	fmt.Fprintf(w, "%-10s %14s %8s %9s %10s %10s %6s\n", "hub", "deliveries/s", "ratio", "delivery", "p50 us", "p99 us", "cores")
	for _, h := range hubs {
		of := func(f func(Result) float64) float64 { return r.median(h.Name, f) }
		fmt.Fprintf(w, "%-10s %14.0f %8s %8.2f%% %10.0f %10.0f %6.2f\n", h.Name,
			of(func(r Result) float64 { return r.PerSecond }), r.ratio(hubs[0].Name, h.Name), 100*of(func(r Result) float64 { return r.Delivery }),
			of(func(r Result) float64 { return r.P50Us }), of(func(r Result) float64 { return r.P99Us }),
			of(func(r Result) float64 { return r.Cores }))
	}
	for _, h := range hubs {
		fmt.Fprintf(w, "%s: %s\n", h.Name, h.Note)
	}
}

func (r Results) ratio(first, name string) string {
	var ratios []float64
	for i := range min(len(r[first]), len(r[name])) {
		ratios = append(ratios, r[name][i].PerSecond/r[first][i].PerSecond)
	}
	return strconv.FormatFloat(median(ratios), 'f', 2, 64)
}

func (r Results) median(name string, of func(Result) float64) float64 {
	var values []float64
	for _, result := range r[name] {
		values = append(values, of(result))
	}
	return median(values)
}

// median returns the median, zero for no values.
func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	s := slices.Sorted(slices.Values(values))
	return (s[len(s)/2] + s[(len(s)-1)/2]) / 2
}
