package main

import (
	"fmt"
	"io"

	"github.com/intentra/intentra/internal/load"
)

// What we chose: the limits of the words in the notes.
const (
	stableDelivery = 0.99
	nearDelivery   = 0.85
	keptPace       = 0.99 // sent of offered
)

// pointIndent is the indentation of lines that belong to the line above.
const pointIndent = 14

// writeLimits prints the raised limits, and a blank line.
func writeLimits(w io.Writer, l load.Limits) {
	raised := l.Raised()
	if len(raised) == 0 {
		raised = []string{"none"}
	}
	load.WrapList(w, 0, "raised limits: ", raised)
	fmt.Fprintln(w)
}

func writePointHeader(w io.Writer) {
	fmt.Fprintf(w, "%13s %9s %11s %7s %7s %8s %7s  %s\n",
		"Aggregate PPS", "Delivery", "delivered/s", "p50 us", "p99 us", "max us", "CPU ns", "Note")
}

// writePoint prints the lines of a point, with drops by reason.
func writePoint(w io.Writer, p *load.Point) {
	l := p.LatencyUs
	fmt.Fprintf(w, "%13.0f %8.3f%% %11.0f %7.0f %7.0f %8.0f %7.0f  %s\n",
		p.Hz*float64(p.Peers), 100*p.Delivery, p.DeliveredPPS, l.P50, l.P99, l.Max, p.CPUNsPerPacket, note(p))
	fmt.Fprintf(w, "%*sp90 %.0f us, p99.9 %.0f us; %.1f messages per datagram\n", pointIndent, "", l.P90, l.P999, p.MessagesPerDatagram)
	if p.SentPerMessage > 0 {
		fmt.Fprintf(w, "%*s%.3f datagrams sent per message received\n", pointIndent, "", p.SentPerMessage)
	}
	if len(p.Drops) > 0 {
		load.WrapList(w, pointIndent, "drops: ", p.Drops.List())
	}
	if sent := load.Ratio(float64(p.Sent), float64(p.Offered)); p.Sent > 0 && sent < keptPace {
		fmt.Fprintf(w, "%*ssenders at their limit: sent %.1f %% of %.0f/s\n", pointIndent, "", 100*sent, p.OfferedPPS)
	}
	if p.Skipped > 0 {
		fmt.Fprintf(w, "%*sat the senders: %d messages too late to be sent\n", pointIndent, "", p.Skipped)
	}
	if len(p.SenderDrops) > 0 {
		load.WrapList(w, pointIndent, "drops at the senders: ", p.SenderDrops.List())
	}
}

// note describes the delivery in at most 10 characters.
func note(p *load.Point) string {
	switch {
	case p.Sent == 0:
		return "unsent"
	case p.Delivery >= stableDelivery:
		return "stable"
	case p.Delivery >= nearDelivery:
		return "near limit"
	}
	return "overload"
}
