package main

import (
	"fmt"
	"io"

	"github.com/intentra/intentra/internal/load"
)

// What we chose: from where on a delivery, or what was sent of what was due, is
// called so in the notes.
const (
	stableDelivery = 0.99
	nearDelivery   = 0.85
	keptPace       = 0.99
)

func writePointHeader(w io.Writer) {
	fmt.Fprintf(w, "%13s %9s  %11s %11s %11s  %7s %7s %7s %8s %8s  %9s %6s  %s\n",
		"Aggregate PPS", "Delivery", "offered/s", "sent/s", "delivered/s",
		"p50 us", "p90 us", "p99 us", "p99.9 us", "max us", "CPU ns/pk", "msg/dg", "Note")
}

// writePoint prints a line of the table, and below it what was dropped where.
func writePoint(w io.Writer, p *load.Point) {
	l := p.LatencyUs
	fmt.Fprintf(w, "%13.0f %8.3f%%  %11.0f %11.0f %11.0f  %7.0f %7.0f %7.0f %8.0f %8.0f  %9.0f %6.1f  %s\n",
		p.Hz*float64(p.Peers), 100*p.Delivery, p.OfferedPPS, p.SentPPS, p.DeliveredPPS,
		l.P50, l.P90, l.P99, l.P999, l.Max, p.CPUNsPerPacket, p.MessagesPerDatagram, note(p))
	if len(p.Drops) > 0 {
		fmt.Fprintf(w, "%13s drops: %s\n", "", p.Drops)
	}
	if len(p.SenderDrops) > 0 || p.Skipped > 0 {
		fmt.Fprintf(w, "%13s at the senders: %d too late to be sent, drops: %s\n", "", p.Skipped, p.SenderDrops)
	}
}

// note says in words what the figures mean.
func note(p *load.Point) string {
	text := "overload: drops, no stall"
	switch {
	case p.Sent == 0:
		text = "nothing was sent"
	case p.Delivery >= stableDelivery:
		text = "stable"
	case p.Delivery >= nearDelivery:
		text = "near the limit"
	}
	if sent := load.Ratio(float64(p.Sent), float64(p.Offered)); p.Sent > 0 && sent < keptPace {
		text += fmt.Sprintf("; senders at their limit: sent %.1f %% of what was due", 100*sent)
	}
	return text
}
