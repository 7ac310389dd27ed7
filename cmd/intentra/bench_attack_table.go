package main

import (
	"fmt"
	"io"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/internal/load"
)

// What rows 1 and 32 of docs/THREATMODEL.md ask for, and under how much.
const (
	targetFlood      = 20_000 // packets/s
	targetDelivery   = 0.99
	targetHandshakes = 2000 // per second
	targetRatioP99   = 2
)

// attackTable prints for people what a benchmark of attacks measures.
type attackTable struct{ w io.Writer }

func (t attackTable) header(r *attackResult) {
	fmt.Fprintf(t.w, "%d honest peers, %g messages per second each, %d bytes; an observer on the path of the first; handshakes from %d addresses\n",
		r.Peers, r.Hz, r.SizeBytes, r.Addresses)
	fmt.Fprintf(t.w, "%g s each, in turn; all limits are the defaults; the process that begins handshakes runs behind %s\n\n",
		r.DurationS, r.Behind)
	fmt.Fprintf(t.w, "%-10s %9s %9s  %-6s %8s %8s %9s  %8s %8s %8s  %8s %8s\n",
		"attack", "asked/s", "sent/s", "peers", "sent", "arrived", "delivery", "p50 us", "p99 us", "max us", "endpoint", "attacker")
}

// phase prints the lines of a phase, and below them what the endpoint has
// counted.
func (t attackTable) phase(p *load.Phase) {
	t.share(fmt.Sprintf("%-10s %9.0f %9.0f", p.Kind, p.Asked, p.PerSecond), "first", p.Victim,
		fmt.Sprintf("  %4.2f CPU %4.2f CPU", p.EndpointCores, p.AttackerCores))
	t.share(fmt.Sprintf("%30s", ""), "others", p.Others, "")
	fmt.Fprintf(t.w, "%11sdrops: %s\n", "", p.Drops)
	if len(p.Handshakes) > 0 {
		fmt.Fprintf(t.w, "%11shandshakes: %s; cookies sent %d\n", "", outcomes(p.Handshakes), p.Cookies)
	}
	if a := p.Attack; a != nil && p.Kind == load.Handshakes {
		fmt.Fprintf(t.w, "%11sat the callers: begun %d, cookie shown %d, message 2 answered %d, confirmed %d\n",
			"", a.Sent, a.Proved, a.Finals, a.Confirmed)
	}
	if len(p.Closes) > 0 || p.Strikes > 0 {
		fmt.Fprintf(t.w, "%11ssessions closed: %s; strikes %d\n", "", outcomes(p.Closes), p.Strikes)
	}
	if n := p.Victim.Skipped + p.Others.Skipped; n > 0 {
		fmt.Fprintf(t.w, "%11sat the senders: %d messages too late to be sent\n", "", n)
	}
}

func (t attackTable) share(before, name string, h load.HonestShare, after string) {
	l := h.LatencyUs
	fmt.Fprintf(t.w, "%s  %-6s %8d %8d %8.3f%%  %8.0f %8.0f %8.0f%s\n",
		before, name, h.Sent, h.Delivered, 100*h.Delivery, l.P50, l.P99, l.Max, after)
}

// conclusions prints what the threat model asks for, each with its target.
func (t attackTable) conclusions(r *attackResult) {
	fmt.Fprintln(t.w)
	for _, p := range r.Phases {
		switch p.Kind {
		case load.Forged, load.Replayed:
			fmt.Fprintf(t.w, "row 1, %s: of the first peer's own messages %.3f %% arrived, under %.0f packets/s; target %g %% or better, under %d/s\n",
				p.Kind, 100*p.Victim.Delivery, p.PerSecond, 100*targetDelivery, targetFlood)
		case load.Handshakes:
			fmt.Fprintf(t.w, "row 32: the others' p99 is %.2f times that in the better calm, under %.0f handshakes/s; target %d at most, under %d/s\n",
				*r.RatioP99, p.PerSecond, targetRatioP99, targetHandshakes)
			fmt.Fprintf(t.w, "row 32: %.0f handshakes/s admitted, a first burst of %d included; target %d/s\n",
				*r.AdmittedPerSec, intentra.DefaultHandshakeRate/4, intentra.DefaultHandshakeRate)
		}
	}
}
