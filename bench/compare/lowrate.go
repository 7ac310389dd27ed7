package compare

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/intentra/intentra/bench/contender"
	"github.com/intentra/intentra/bench/program"
	"github.com/intentra/intentra/bench/trial"
)

// LowRateOptions are those of a comparison at a low rate, over one connection.
type LowRateOptions struct {
	program.Load
	Rounds int
	// Self is this executable, which is the plain UDP program too; Command is that of
	// intentra. If either is empty, no programs are compared.
	Self, Command string
}

// LowRateBase is the contender with which the others are compared.
const LowRateBase = "udp"

// LowRateNames are the default contenders.
var LowRateNames = []string{LowRateBase, "intentra", "intentra-receive"}

// LowRate is the result of a comparison at a low rate.
type LowRate struct {
	Machine Machine `json:"machine"`
	Rate    float64 `json:"rate"`
	// Programs write each message as a line: a plain UDP program and "intentra sub".
	Programs []LowRateRow `json:"programs,omitempty"`
	// Libraries count the messages: LowRateBase and others.
	Libraries []LowRateRow `json:"libraries"`
}

// LowRateRow is a receiving process.
type LowRateRow struct {
	Name string `json:"name"`
	// CPU is the time in seconds that it used in a round, user and system; the
	// ratio is that to the first row in the same round.
	CPU      Stat `json:"cpu_s"`
	CPURatio Stat `json:"cpu_ratio"`
	// Switches is the number of context switches for each message.
	Switches      Stat `json:"switches_per_message"`
	SwitchesRatio Stat `json:"switches_ratio"`
}

// lowRateBuffer is the size of the socket buffers in bytes.
const lowRateBuffer = 1 << 20

// measured is what RunLowRate measures once in each round.
type measured struct {
	name    string
	measure func(ctx context.Context) (program.Usage, error)
}

// RunLowRate measures the programs, LowRateBase and the contenders of list, in turn in
// every round, and reports to progress.
func RunLowRate(ctx context.Context, o LowRateOptions, list []contender.Contender, progress io.Writer) (*LowRate, error) {
	base, err := trial.Find(LowRateBase)
	if err != nil {
		return nil, err
	}
	r := &LowRate{Machine: ThisMachine(lowRateBuffer, trial.Modules), Rate: o.Rate}
	if o.Self != "" && o.Command != "" {
		r.Programs, err = lowRateRows(ctx, o.Rounds, progress, []measured{
			{"plain UDP", func(ctx context.Context) (program.Usage, error) { return o.MeasurePlain(ctx, o.Self) }},
			{"intentra sub", func(ctx context.Context) (program.Usage, error) { return o.MeasureSub(ctx, o.Command) }},
		})
		if err != nil {
			return nil, err
		}
	}
	var all []measured
	for _, c := range append([]contender.Contender{base}, list...) {
		all = append(all, measured{c.Name(), func(ctx context.Context) (program.Usage, error) { return lowRatePoint(ctx, o, c) }})
	}
	r.Libraries, err = lowRateRows(ctx, o.Rounds, progress, all)
	return r, err
}

// lowRateRows measures all, in turn in every round.
func lowRateRows(ctx context.Context, rounds int, progress io.Writer, all []measured) (rows []LowRateRow, err error) {
	cpu, switches := make([]Series, len(all)), make([]Series, len(all))
	for i := range all {
		cpu[i], switches[i] = Series{}, Series{}
	}
	for round := range rounds {
		for i, m := range all {
			u, err := m.measure(ctx)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", m.name, err)
			}
			cpu[i][round], switches[i][round] = u.CPU.Seconds(), u.Switches
			fmt.Fprintf(progress, "round %d/%d %s: %.3f s of CPU, %.2f context switches per message\n", round+1, rounds, m.name, u.CPU.Seconds(), u.Switches)
		}
	}
	for i, m := range all {
		rows = append(rows, LowRateRow{
			Name: m.name, CPU: cpu[i].Stat(), CPURatio: Ratio(cpu[i], cpu[0]).Stat(),
			Switches: switches[i].Stat(), SwitchesRatio: Ratio(switches[i], switches[0]).Stat(),
		})
	}
	return rows, nil
}

// errLowRateLoss is returned when a message of a slow load was lost.
var errLowRateLoss = errors.New("messages were lost at a low rate")

// lowRatePoint measures one contender once.
func lowRatePoint(ctx context.Context, o LowRateOptions, c contender.Contender) (u program.Usage, err error) {
	rig, err := trial.Open(ctx, c, trial.Shape{Connections: 1, Senders: 1, Size: o.Size, Buffer: lowRateBuffer})
	if err != nil {
		return u, err
	}
	defer rig.Close()
	p, err := rig.Offer(ctx, o.Rate, time.Duration(float64(o.Messages)/o.Rate*float64(time.Second)))
	if err == nil && p.Delivered < p.Sent {
		err = fmt.Errorf("%w: %d of %d", errLowRateLoss, p.Sent-p.Delivered, p.Sent)
	}
	return program.Usage{CPU: time.Duration(p.ReceiverNs * float64(p.Delivered)), Switches: p.Switches}, err
}

// Print writes tables for people: medians of the rounds.
func (r *LowRate) Print(w io.Writer) {
	fmt.Fprintf(w, "%.0f messages/s over one connection: the receiving process, medians of %d rounds\n", r.Rate, len(r.Libraries[0].CPU.Rounds))
	for _, t := range []struct {
		title string
		rows  []LowRateRow
	}{{"programs that write each message as a line", r.Programs}, {"libraries", r.Libraries}} {
		if len(t.rows) == 0 {
			continue
		}
		fmt.Fprintf(w, "\n%-44s %9s %6s %9s %6s\n", t.title, "CPU", "ratio", "switches", "ratio")
		for _, row := range t.rows {
			fmt.Fprintf(w, "  %-42s %7.3f s %6s %9s %6s\n", row.Name, row.CPU.Median, two(row.CPURatio.Median), two(row.Switches.Median), two(row.SwitchesRatio.Median))
		}
	}
}
