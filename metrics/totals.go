package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/intentra/intentra"
)

// total is a metric without labels.
type total struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	value func(intentra.Stats) float64
}

func newTotals() []total {
	counter := func(name, help string, value func(intentra.Stats) uint64) total {
		return total{newDesc(name, help), prometheus.CounterValue,
			func(s intentra.Stats) float64 { return float64(value(s)) }}
	}
	gauge := func(name, help string, value func(intentra.Stats) int) total {
		return total{newDesc(name, help), prometheus.GaugeValue,
			func(s intentra.Stats) float64 { return float64(value(s)) }}
	}
	return []total{
		counter("packets_received_total", "Datagrams received.",
			func(s intentra.Stats) uint64 { return s.PacketsIn }),
		counter("packets_sent_total", "Datagrams sent.",
			func(s intentra.Stats) uint64 { return s.PacketsOut }),
		counter("received_bytes_total", "Bytes in the datagrams received, without UDP and IP headers.",
			func(s intentra.Stats) uint64 { return s.BytesIn }),
		counter("sent_bytes_total", "Bytes in the datagrams sent, without UDP and IP headers.",
			func(s intentra.Stats) uint64 { return s.BytesOut }),
		counter("messages_delivered_total", "Messages delivered to the application.",
			func(s intentra.Stats) uint64 { return s.MessagesIn }),
		counter("messages_sent_total", "Messages put into datagrams, including each retransmission of a reliable one.",
			func(s intentra.Stats) uint64 { return s.MessagesOut }),

		counter("superseded_total", "Latest messages that a newer one replaced before they were sent. They are consumed, not dropped.",
			func(s intentra.Stats) uint64 { return s.Superseded }),
		counter("given_up_total", "Notices of peers that they have given up reliable messages, which had become too old.",
			func(s intentra.Stats) uint64 { return s.GivenUp }),
		counter("receive_drops_total", "Messages overwritten by newer ones, or dropped with a forgotten peer, before the application received them.",
			func(s intentra.Stats) uint64 { return s.ReceiveDrops }),
		counter("cookies_sent_total", "Cookie challenges sent.",
			func(s intentra.Stats) uint64 { return s.CookiesSent }),
		counter("replies_lost_total", "Handshake packets, cookies and control packets dropped because the queue of outgoing datagrams was full.",
			func(s intentra.Stats) uint64 { return s.RepliesLost }),
		counter("refused_datagrams_total", "Datagrams dropped because the socket's send buffer was full, of the peers with the most in flight.",
			func(s intentra.Stats) uint64 { return s.Refused }),
		counter("rekeys_total", "Completed rekeys.",
			func(s intentra.Stats) uint64 { return s.Rekeys }),
		counter("strikes_total", "Protocol violations by authenticated peers.",
			func(s intentra.Stats) uint64 { return s.Strikes }),
		counter("roams_total", "Changes of a peer's address.",
			func(s intentra.Stats) uint64 { return s.Roams }),
		counter("takeovers_total", "Sessions that replaced a living one of the same peer.",
			func(s intentra.Stats) uint64 { return s.Takeovers }),
		counter("panics_total", "Panics recovered in stages and callbacks.",
			func(s intentra.Stats) uint64 { return s.Panics }),
		counter("slow_handler_calls_total", "Runs of at most 16 handler calls that together blocked the event loop for more than a millisecond.",
			func(s intentra.Stats) uint64 { return s.SlowHandlerCalls }),
		counter("socket_late_errors_total", "Errors that the kernel reported on a later call, for a datagram sent earlier.",
			func(s intentra.Stats) uint64 { return s.Socket.Reported.Total() }),
		counter("socket_overflows_total", "Datagrams that the kernel dropped because the receive queue was full, reported with the next datagram. Linux only.",
			func(s intentra.Stats) uint64 { return s.Socket.Overflowed }),

		gauge("peers", "Peers that are connected or were recently.",
			func(s intentra.Stats) int { return s.Peers }),
		gauge("sessions", "Live sessions.",
			func(s intentra.Stats) int { return s.Sessions }),
		gauge("handshakes_in_flight", "Handshakes in progress.",
			func(s intentra.Stats) int { return s.HandshakesInFlight }),
		gauge("handshakes_waiting", "Dialers that wait until their handshake can begin.",
			func(s intentra.Stats) int { return s.HandshakesWaiting }),
		gauge("reorder_bytes", "Bytes of reliable messages held back until those before them arrive.",
			func(s intentra.Stats) int { return s.ReorderBytes }),
		gauge("fragment_bytes", "Bytes of buffers for messages whose fragments have not all arrived.",
			func(s intentra.Stats) int { return s.FragmentBytes }),
		gauge("queue_bytes", "Bytes of messages queued to be sent.",
			func(s intentra.Stats) int { return s.QueueBytes }),
		gauge("send_memory_bytes", "Bytes of the buffers of all send queues.",
			func(s intentra.Stats) int { return s.SendMemory }),
		{newDesc("uptime_seconds", "Time since the transport was opened."), prometheus.GaugeValue,
			func(s intentra.Stats) float64 { return s.Uptime.Seconds() }},
	}
}
