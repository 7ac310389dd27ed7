package compare

import (
	"fmt"
	"math"

	"github.com/intentra/intentra/bench/report"
)

// peers are those of whom the best counts.
var peers = []string{"quic-go", "pion-dtls", "udp"}

// goals sets the rows of the book in relation. What was not measured is left
// out.
func goals(b *report.Book, o Options) (list []report.Goal) {
	add := func(g report.Goal) {
		if len(g.Value.Rounds) > 0 {
			list = append(list, g)
		}
	}
	at := func(contender string, connections int, metric string) report.Series {
		return b.Series(report.Key{Contender: contender, Connections: connections}, metric)
	}
	for _, rate := range o.Rates {
		million := fmt.Sprintf("%.3g M/s", rate/1e6)
		for _, variant := range []string{"intentra", "intentra-receive"} {
			to := func(metric string) report.Series {
				m := report.At(rate, metric)
				return report.Ratio(at(variant, o.Many, m), at("raw", o.Many, m))
			}
			cpu := fmt.Sprintf("receiver CPU a message at %s, %s to raw", million, variant)
			delivery := report.At(rate, report.FixedDelivery)
			less := report.Difference(at(variant, o.Many, delivery), at("raw", o.Many, delivery))
			lessName := fmt.Sprintf("delivery at %s, %s less raw", million, variant)
			if variant != "intentra" {
				add(report.Plain(cpu, to(report.FixedReceiverNs)))
				add(report.Plain(lessName, less))
				continue
			}
			add(report.AtMost(cpu, to(report.FixedReceiverNs), 1.35))
			add(report.Plain("the same a datagram", to(report.FixedDatagramNs)))
			add(report.AtLeast(lessName, less, -0.01))
		}
	}
	peak := func(contender, beside string) report.Series {
		return report.Ratio(at(contender, o.Many, report.Peak), at(beside, o.Many, report.Peak))
	}
	add(report.AtLeast("delivered/s at 99 %, intentra to raw", peak("intentra", "raw"), 0.8))
	add(report.Plain("delivered/s at 99 %, intentra-receive to raw", peak("intentra-receive", "raw")))
	add(report.AtLeast("delivered/s at 99 %, a socket for each connection, intentra-nogso to raw-nogso",
		peak("intentra-nogso", "raw-nogso"), 0.9))
	for _, rate := range o.SocketRates {
		ns := report.At(rate, report.FixedReceiverNs)
		add(report.Plain(fmt.Sprintf("receiver CPU a message at %.3g k/s, intentra-nogso to raw-nogso", rate/1e3),
			report.Ratio(at("intentra-nogso", o.Many, ns), at("raw-nogso", o.Many, ns))))
	}
	for _, n := range o.Few {
		of := func(metric string, better func(x, y float64) float64) report.Series {
			return best(b, n, metric, better)
		}
		add(report.AtLeast(fmt.Sprintf("delivered/s at 99 %%, %d connections, intentra to the best peer", n),
			report.Ratio(at("intentra", n, report.Peak), of(report.Peak, math.Max)), 5))
		add(report.AtMost(fmt.Sprintf("receiver CPU a message at own peak, %d connections, intentra to the best peer", n),
			report.Ratio(at("intentra", n, report.PeakReceiverNs), of(report.PeakReceiverNs, math.Min)), 0.2))
		add(report.AtMost(fmt.Sprintf("round trip p50, %d connections, intentra to udp", n),
			report.Ratio(at("intentra", n, report.TripP50), at("udp", n, report.TripP50)), 1.5))
	}
	return list
}

// best returns the best peer of each round.
func best(b *report.Book, connections int, metric string, better func(x, y float64) float64) report.Series {
	out := report.Series{}
	for _, p := range peers {
		for round, v := range b.Series(report.Key{Contender: p, Connections: connections}, metric) {
			if was, ok := out[round]; ok {
				v = better(was, v)
			}
			out[round] = v
		}
	}
	return out
}
