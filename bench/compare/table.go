package compare

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// Print writes the result for people.
func (r *Result) Print(w io.Writer) {
	fmt.Fprintf(w, "%s\n%d-byte messages, %d sending processes, %d rounds, medians; each measurement %g s\n",
		r.Machine, r.Size, r.Senders, r.Rounds, r.Seconds)
	r.printMany(w)
	r.printFew(w)
	r.printGoals(w)
	r.printRaised(w)
	for _, e := range r.Errors {
		fmt.Fprintln(w, "failed:", e)
	}
}

// manyConnections is from how many connections on rows stand in the table of fixed rates.
const manyConnections = 1000

// printMany writes the table of the rows with many connections.
func (r *Result) printMany(w io.Writer) {
	t := newTable(w, fmt.Sprintf("%s connections and more", thousands(manyConnections)))
	t.AppendHeader(table.Row{"", "connections", "offered/s", "delivery", "receiver\nns/msg", "sender\nns/msg",
		"msg/\ndatagram", "latency\np50", "p99"})
	any := false
	for _, row := range r.Rows {
		if row.Connections < manyConnections {
			continue
		}
		rows := row.manyRows()
		t.AppendRows(rows)
		t.AppendSeparator()
		any = any || len(rows) > 0
	}
	if any {
		t.Render()
	}
}

// manyRows has a line for each fixed rate, one for the peak, and one for flat
// out.
func (r *Row) manyRows() (rows []table.Row) {
	head := func(offered string) table.Row {
		return table.Row{r.Contender, thousands(float64(r.Connections)), offered}
	}
	for _, rate := range r.rates() {
		at := func(metric string) (Stat, bool) { return r.value(At(rate, metric)) }
		rows = append(rows, append(head(thousands(rate)),
			cell(at, FixedDelivery, percent), cell(at, FixedReceiverNs, whole), cell(at, FixedSenderNs, whole),
			cell(at, FixedPerDatagram, two), cell(at, FixedP50, micro), cell(at, FixedP99, micro)))
	}
	if peak := cell(r.value, Peak, thousands); peak != "" {
		rows = append(rows, append(head("99 %: "+peak), "",
			cell(r.value, PeakReceiverNs, whole), cell(r.value, PeakSenderNs, whole), cell(r.value, PerDatagram, two)))
	}
	if flat := cell(r.value, FlatOut, thousands); flat != "" {
		rows = append(rows, append(head("flat out: "+flat), cell(r.value, FlatDelivery, percent)))
	}
	return rows
}

// rates returns the fixed rates of a row in rising order.
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

// printFew writes the table of the rows with few connections.
func (r *Result) printFew(w io.Writer) {
	t := newTable(w, "Peers")
	t.AppendHeader(table.Row{"", "connections", "delivered/s\nat 99 %", "flat out", "receiver\nns/msg", "sender\nns/msg",
		"round trip\np50", "p99", "at half load\np50", "p99", "handshakes/s", "KiB/\nconnection"})
	rows := 0
	for _, row := range r.Rows {
		if row.Connections >= manyConnections {
			continue
		}
		at := row.value
		t.AppendRow(table.Row{row.Contender, row.Connections, cell(at, Peak, thousands), cell(at, FlatOut, thousands),
			cell(at, PeakReceiverNs, whole), cell(at, PeakSenderNs, whole), cell(at, TripP50, micro), cell(at, TripP99, micro),
			cell(at, TripHalfP50, micro), cell(at, TripHalfP99, micro), cell(at, Handshakes, whole), cell(at, Memory, kibibytes)})
		rows++
	}
	if rows > 0 {
		t.Render()
	}
}

func (r *Result) printGoals(w io.Writer) {
	if len(r.Goals) == 0 {
		return
	}
	t := newTable(w, "Ratios, round by round")
	t.AppendHeader(table.Row{"", "median", "least", "most", "wanted", ""})
	for _, g := range r.Goals {
		wanted, met := "", ""
		if g.AtLeast != nil {
			wanted = fmt.Sprintf("at least %.3g", *g.AtLeast)
		}
		if g.AtMost != nil {
			wanted = fmt.Sprintf("at most %.3g", *g.AtMost)
		}
		if g.Met != nil {
			met = map[bool]string{true: "met", false: "not met"}[*g.Met]
		}
		t.AppendRow(table.Row{g.Name, ratio(g.Value.Median), ratio(g.Value.Min), ratio(g.Value.Max), wanted, met})
	}
	t.Render()
}

func (r *Result) printRaised(w io.Writer) {
	for _, row := range r.Rows {
		name := Name(row.Contender, row.Connections)
		if limits := r.Raised[name]; len(limits) > 0 {
			fmt.Fprintf(w, "raised limits, %s: %s\n", name, strings.Join(limits, ", "))
		}
	}
}

// Name names a row.
func Name(contender string, connections int) string {
	return fmt.Sprintf("%s with %s connections", contender, thousands(float64(connections)))
}

func newTable(w io.Writer, title string) table.Writer {
	t := table.NewWriter()
	t.SetOutputMirror(w)
	t.SetTitle(title)
	style := table.StyleLight
	style.Format.Header = text.FormatDefault
	style.Title.Align = text.AlignLeft
	t.SetStyle(style)
	var columns []table.ColumnConfig
	for i := 2; i <= 12; i++ {
		columns = append(columns, table.ColumnConfig{Number: i, Align: text.AlignRight})
	}
	t.SetColumnConfigs(columns)
	return t
}
