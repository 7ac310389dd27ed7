package compare

import (
	"fmt"
	"math"
)

// bestOf are the contenders of which the best counts.
var bestOf = []string{"quic-go", "pion-dtls", "udp"}

// goals returns the ratios and differences between rows of the book, without
// those that were not measured.
func goals(b *Book, o Options) (list []Goal) {
	add := func(g Goal) {
		if len(g.Value.Rounds) > 0 {
			list = append(list, g)
		}
	}
	at := func(contender string, connections int, metric string) Series {
		return b.Series(Key{Contender: contender, Connections: connections}, metric)
	}
	for _, rate := range o.Rates {
		million := fmt.Sprintf("%.3g M/s", rate/1e6)
		for _, variant := range []string{"intentra", "intentra-receive"} {
			to := func(metric string) Series {
				m := At(rate, metric)
				return Ratio(at(variant, o.Many, m), at("raw", o.Many, m))
			}
			cpu := fmt.Sprintf("receiver CPU a message at %s, %s to raw", million, variant)
			delivery := At(rate, FixedDelivery)
			less := Difference(at(variant, o.Many, delivery), at("raw", o.Many, delivery))
			lessName := fmt.Sprintf("delivery at %s, %s less raw", million, variant)
			if variant != "intentra" {
				add(Plain(cpu, to(FixedReceiverNs)))
				add(Plain(lessName, less))
				continue
			}
			add(AtMost(cpu, to(FixedReceiverNs), 1.35))
			add(Plain(fmt.Sprintf("receiver CPU a datagram at %s, intentra to raw", million), to(FixedDatagramNs)))
			add(AtLeast(lessName, less, -0.01))
		}
	}
	peak := func(contender, beside string) Series {
		return Ratio(at(contender, o.Many, Peak), at(beside, o.Many, Peak))
	}
	add(AtLeast("delivered/s at 99 %, intentra to raw", peak("intentra", "raw"), 0.8))
	add(Plain("delivered/s at 99 %, intentra-receive to raw", peak("intentra-receive", "raw")))
	add(AtLeast("delivered/s at 99 %, a socket for each connection, intentra-nogso to raw-nogso",
		peak("intentra-nogso", "raw-nogso"), 0.9))
	for _, rate := range o.SocketRates {
		ns := At(rate, FixedReceiverNs)
		add(Plain(fmt.Sprintf("receiver CPU a message at %.3g k/s, intentra-nogso to raw-nogso", rate/1e3),
			Ratio(at("intentra-nogso", o.Many, ns), at("raw-nogso", o.Many, ns))))
	}
	for _, n := range o.Few {
		of := func(metric string, better func(x, y float64) float64) Series {
			return best(b, n, metric, better)
		}
		add(AtLeast(fmt.Sprintf("delivered/s at 99 %%, %d connections, intentra to the best peer", n),
			Ratio(at("intentra", n, Peak), of(Peak, math.Max)), 5))
		add(AtMost(fmt.Sprintf("receiver CPU a message at own peak, %d connections, intentra to the best peer", n),
			Ratio(at("intentra", n, PeakReceiverNs), of(PeakReceiverNs, math.Min)), 0.2))
		add(AtMost(fmt.Sprintf("round trip p50, %d connections, intentra to udp", n),
			Ratio(at("intentra", n, TripP50), at("udp", n, TripP50)), 1.5))
	}
	return list
}

// best returns the value of the best contender of bestOf in each round.
func best(b *Book, connections int, metric string, better func(x, y float64) float64) Series {
	out := Series{}
	for _, p := range bestOf {
		for round, v := range b.Series(Key{Contender: p, Connections: connections}, metric) {
			if was, ok := out[round]; ok {
				v = better(was, v)
			}
			out[round] = v
		}
	}
	return out
}
