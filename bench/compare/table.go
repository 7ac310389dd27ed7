package compare

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/intentra/intentra/internal/load"
)

// Print writes the result for people, in lines of at most 80 columns.
func (r *Result) Print(w io.Writer) {
	load.WrapList(w, 0, "", r.Machine.facts())
	fmt.Fprintf(w, "%d-byte messages, %d sending processes, %d rounds of %g s; medians\n", r.Size, r.Senders, r.Rounds, r.Seconds)
	var many, few []Row
	for _, row := range r.Rows {
		if row.Connections >= manyConnections {
			many = append(many, row)
		} else {
			few = append(few, row)
		}
	}
	printMany(w, many)
	printThroughput(w, few)
	printLatency(w, few)
	r.printGoals(w)
	for _, name := range slices.Sorted(maps.Keys(r.Raised)) {
		fmt.Fprintf(w, "raised limits, %s:\n", name)
		load.WrapList(w, 2, "", r.Raised[name])
	}
	for _, e := range r.Errors {
		fmt.Fprintln(w, "failed:", e)
	}
}

// manyConnections is the number of connections from which on a row belongs to
// the table of fixed rates.
const manyConnections = 1000

// printMany writes the table of rows with many connections: for each, a line for
// every fixed rate, one for the peak, and one for flat out.
func printMany(w io.Writer, rows []Row) {
	if len(rows) == 0 {
		return
	}
	const format = "  %-22s %9s %8s %8s %7s %8s %8s\n"
	fmt.Fprintln(w)
	fmt.Fprintf(w, format, "", "", "receiver", "sender", "msg per", "latency", "latency")
	fmt.Fprintf(w, format, "offered/s", "delivery", "ns/msg", "ns/msg", "datagr.", "p50", "p99")
	for _, r := range rows {
		fmt.Fprintln(w, Name(r.Contender, r.Connections))
		for _, rate := range r.rates() {
			at := func(metric string) (Stat, bool) { return r.value(At(rate, metric)) }
			fmt.Fprintf(w, format, thousands(rate), cell(at, FixedDelivery, percent),
				cell(at, FixedReceiverNs, whole), cell(at, FixedSenderNs, whole), cell(at, FixedPerDatagram, two),
				cell(at, FixedP50, micro), cell(at, FixedP99, micro))
		}
		if peak := cell(r.value, Peak, thousands); peak != "" {
			fmt.Fprintf(w, format, "99 %: "+peak, "", cell(r.value, PeakReceiverNs, whole), cell(r.value, PeakSenderNs, whole),
				cell(r.value, PerDatagram, two), "", "")
		}
		if flat := cell(r.value, FlatOut, thousands); flat != "" {
			fmt.Fprintf(w, format, "flat out: "+flat, cell(r.value, FlatDelivery, percent), "", "", "", "", "")
		}
	}
}

// rates returns the fixed rates of a row in ascending order.
func (r *Row) rates() (rates []float64) {
	for metric := range r.Values {
		rest, isAt := strings.CutPrefix(metric, atPrefix)
		number, isDelivery := strings.CutSuffix(rest, "_"+FixedDelivery)
		if rate, err := strconv.ParseFloat(number, 64); isAt && isDelivery && err == nil {
			rates = append(rates, rate)
		}
	}
	slices.Sort(rates)
	return rates
}

func (r *Row) value(metric string) (Stat, bool) {
	s, ok := r.Values[metric]
	return s, ok
}

// printThroughput writes the first table of rows with few connections.
func printThroughput(w io.Writer, rows []Row) {
	if len(rows) == 0 {
		return
	}
	const format = "%-16s %11s %11s %11s %8s %8s\n"
	fmt.Fprintln(w)
	fmt.Fprintf(w, format, "", "", "delivered/s", "delivered/s", "receiver", "sender")
	fmt.Fprintf(w, format, "", "connections", "at 99 %", "flat out", "ns/msg", "ns/msg")
	for _, r := range rows {
		fmt.Fprintf(w, format, r.Contender, thousands(float64(r.Connections)), cell(r.value, Peak, thousands),
			cell(r.value, FlatOut, thousands), cell(r.value, PeakReceiverNs, whole), cell(r.value, PeakSenderNs, whole))
	}
}

// printLatency writes the second table of rows with few connections.
func printLatency(w io.Writer, rows []Row) {
	if len(rows) == 0 {
		return
	}
	const format = "%-16s %5s %9s %8s %9s %8s %8s %9s\n"
	fmt.Fprintln(w)
	fmt.Fprintf(w, format, "", "con-", "idle trip", "", "half load", "", "hand-", "KiB per")
	fmt.Fprintf(w, format, "", "nect.", "p50", "p99", "p50", "p99", "shakes/s", "connect.")
	for _, r := range rows {
		fmt.Fprintf(w, format, r.Contender, thousands(float64(r.Connections)),
			cell(r.value, TripP50, micro), cell(r.value, TripP99, micro),
			cell(r.value, TripHalfP50, micro), cell(r.value, TripHalfP99, micro),
			cell(r.value, Handshakes, whole), cell(r.value, Memory, kibibytes))
	}
}

// printGoals writes the ratios, each below its name.
func (r *Result) printGoals(w io.Writer) {
	if len(r.Goals) == 0 {
		return
	}
	fmt.Fprintln(w, "\nRatios taken round by round: median (least to most)")
	for _, g := range r.Goals {
		wanted := ""
		if g.AtLeast != nil {
			wanted = fmt.Sprintf("; target at least %.3g", *g.AtLeast)
		}
		if g.AtMost != nil {
			wanted = fmt.Sprintf("; target at most %.3g", *g.AtMost)
		}
		if g.Met != nil {
			wanted += map[bool]string{true: ": met", false: ": not met"}[*g.Met]
		}
		fmt.Fprintf(w, "%s\n  %s (%s to %s)%s\n", g.Name, ratio(g.Value.Median), ratio(g.Value.Min), ratio(g.Value.Max), wanted)
	}
}

// Name names a row.
func Name(contender string, connections int) string {
	return fmt.Sprintf("%s with %s connections", contender, thousands(float64(connections)))
}
