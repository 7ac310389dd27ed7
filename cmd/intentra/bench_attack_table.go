package main

import (
	"fmt"
	"io"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/internal/load"
)

// The targets of rows 1 and 32 of docs/THREATMODEL.md, and the attacks under which
// they hold.
const (
	targetFlood      = 20_000 // packets/s
	targetDelivery   = 0.99
	targetHandshakes = 2000 // per second
	targetRatioP99   = 2
)

// attackTable prints the result of a benchmark of attacks, in lines of at most 80
// columns.
type attackTable struct{ w io.Writer }

func (t attackTable) header(r *attackResult) {
	fmt.Fprintf(t.w, "%d honest peers send %g messages of %d bytes per second each;\n", r.Peers, r.Hz, r.SizeBytes)
	fmt.Fprintf(t.w, "an observer is on the path of the first; handshakes from %d addresses,\n", r.Addresses)
	fmt.Fprintf(t.w, "in a process that runs behind %s; default limits; %g s each\n\n", r.Behind, r.DurationS)
	fmt.Fprintf(t.w, "%-10s %-6s %9s %9s %9s %9s %9s %9s\n",
		"attack", "peers", "sent", "arrived", "delivery", "p50 us", "p99 us", "max us")
}

// phase prints the lines of a phase, and below them the counts of the endpoint.
func (t attackTable) phase(p *load.Phase) {
	t.share(string(p.Kind), "first", p.Victim)
	t.share("", "others", p.Others)
	t.line("endpoint %.2f CPUs", p.EndpointCores)
	if p.Attack != nil {
		t.line("attacker %.2f CPUs; sent %.0f/s of %.0f/s", p.AttackerCores, p.PerSecond, p.Asked)
	}
	if len(p.Drops) > 0 {
		load.WrapList(t.w, tableIndent, "drops: ", p.Drops.List())
	}
	if len(p.Handshakes) > 0 {
		load.WrapList(t.w, tableIndent, "handshakes: ", append(outcomes(p.Handshakes), fmt.Sprintf("cookies sent %d", p.Cookies)))
	}
	if a := p.Attack; a != nil && p.Kind == load.Handshakes {
		load.WrapList(t.w, tableIndent, "at the callers: ", []string{
			fmt.Sprintf("begun %d", a.Sent), fmt.Sprintf("cookie presented %d", a.Proved),
			fmt.Sprintf("message 2 answered %d", a.Finals), fmt.Sprintf("confirmed %d", a.Confirmed),
		})
	}
	if len(p.Closes) > 0 || p.Strikes > 0 {
		load.WrapList(t.w, tableIndent, "sessions closed: ", append(outcomes(p.Closes), fmt.Sprintf("strikes %d", p.Strikes)))
	}
	if n := p.Victim.Skipped + p.Others.Skipped; n > 0 {
		t.line("at the senders: %d messages too late to be sent", n)
	}
}

// tableIndent is the indentation of lines that belong to the line above.
const tableIndent = 11

func (t attackTable) line(format string, args ...any) {
	fmt.Fprintf(t.w, "%*s%s\n", tableIndent, "", fmt.Sprintf(format, args...))
}

func (t attackTable) share(attack, peers string, h load.HonestShare) {
	l := h.LatencyUs
	fmt.Fprintf(t.w, "%-10s %-6s %9d %9d %8.3f%% %9.0f %9.0f %9.0f\n",
		attack, peers, h.Sent, h.Delivered, 100*h.Delivery, l.P50, l.P99, l.Max)
}

// conclusions prints the figures of the threat model, each with its target.
func (t attackTable) conclusions(r *attackResult) {
	fmt.Fprintln(t.w)
	for _, p := range r.Phases {
		switch p.Kind {
		case load.Forged, load.Replayed:
			fmt.Fprintf(t.w, "row 1, %s: %.3f %% of the first peer's messages arrived\n", p.Kind, 100*p.Victim.Delivery)
			fmt.Fprintf(t.w, "  under %.0f packets/s; target %g %% or more under %d/s\n", p.PerSecond, 100*targetDelivery, targetFlood)
		case load.Handshakes:
			fmt.Fprintf(t.w, "row 32: the others' p99 is %.2f times the lower idle p99\n", *r.RatioP99)
			fmt.Fprintf(t.w, "  under %.0f handshakes/s; target at most %d under %d/s\n", p.PerSecond, targetRatioP99, targetHandshakes)
			fmt.Fprintf(t.w, "row 32: %.0f handshakes/s admitted, including a first burst of %d;\n", *r.AdmittedPerSec, intentra.DefaultHandshakeRate/4)
			fmt.Fprintf(t.w, "  target %d/s\n", intentra.DefaultHandshakeRate)
		}
	}
}
