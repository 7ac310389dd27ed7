package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/udp"
)

// Values of the labels direction, level and outcome.
const (
	directionIn  = "in"
	directionOut = "out"

	levelPacket  = "packet"
	levelMessage = "message"

	outcomeAccepted = "accepted"
	outcomeConsumed = "consumed"
	outcomeDropped  = "dropped"
)

// vector is a metric with labels. rows calls emit for each series, with label
// values in the order of the description.
type vector struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
	rows func(s intentra.Stats, emit emit)
}

type emit func(n uint64, labels ...string)

func newVectors() []vector {
	counter := func(name, help string, rows func(intentra.Stats, emit), labels ...string) vector {
		return vector{newDesc(name, help, labels...), prometheus.CounterValue, rows}
	}
	named := func(name, help, label string, counts func(intentra.Stats) []intentra.NamedCount) vector {
		return counter(name, help, func(s intentra.Stats, emit emit) {
			for _, c := range counts(s) {
				emit(c.Count, c.Name)
			}
		}, label)
	}
	return []vector{
		counter("drops_total", "Packets and messages that a stage of a chain dropped.",
			dropRows, "direction", "level", "stage", "reason"),
		counter("stage_faults_total", "Failures of stages in which no packet and no message was lost.",
			faultRows, "direction", "stage", "method"),
		counter("chain_packets_entered_total", "Packets that entered a chain.",
			enteredRows(packets), "direction"),
		counter("chain_packets_total", "Packets that entered a chain, by outcome.",
			outcomeRows(packets), "direction", "outcome"),
		counter("chain_messages_entered_total", "Messages that entered a chain.",
			enteredRows(messages), "direction"),
		counter("chain_messages_total", "Messages that entered a chain, by outcome.",
			outcomeRows(messages), "direction", "outcome"),
		named("send_drops_total", "Messages from the application that were dropped before the outbound chain.", "reason",
			func(s intentra.Stats) []intentra.NamedCount { return s.SendDrops }),
		named("deliveries_total", "Messages with a token, by what became of them.", "outcome",
			func(s intentra.Stats) []intentra.NamedCount { return s.Deliveries }),
		named("handshakes_total", "Handshakes and their packets, by outcome.", "outcome",
			func(s intentra.Stats) []intentra.NamedCount { return s.Handshakes }),
		named("closes_total", "Sessions closed, by reason; reasons without a name count as unknown.", "reason",
			func(s intentra.Stats) []intentra.NamedCount { return s.Closes }),
		counter("socket_calls_total", "System calls that moved datagrams.",
			callRows, "direction"),
		counter("socket_lost_datagrams_total", "Datagrams lost at the socket.",
			lossRows, "direction", "reason"),
		{newDesc("socket_buffer_bytes", "Socket buffer size granted by the kernel.", "direction"),
			prometheus.GaugeValue, bufferRows},
	}
}

func dropRows(s intentra.Stats, emit emit) {
	for _, d := range s.In.Drops {
		emit(d.Packets, directionIn, levelPacket, d.Stage, d.Reason)
		emit(d.Messages, directionIn, levelMessage, d.Stage, d.Reason)
	}
	for _, d := range s.Out.Drops {
		emit(d.Packets, directionOut, levelPacket, d.Stage, d.Reason)
		emit(d.Messages, directionOut, levelMessage, d.Stage, d.Reason)
	}
}

func faultRows(s intentra.Stats, emit emit) {
	for _, f := range s.In.Faults {
		emit(f.Count, directionIn, f.Stage, f.Method)
	}
	for _, f := range s.Out.Faults {
		emit(f.Count, directionOut, f.Stage, f.Method)
	}
}

// level returns the tally and the number of drops of one level of a chain.
type level func(pipeline.Counts) (t pipeline.Tally, dropped uint64)

func packets(c pipeline.Counts) (t pipeline.Tally, dropped uint64) {
	for _, d := range c.Drops {
		dropped += d.Packets
	}
	return c.Packets, dropped
}

func messages(c pipeline.Counts) (t pipeline.Tally, dropped uint64) {
	for _, d := range c.Drops {
		dropped += d.Messages
	}
	return c.Messages, dropped
}

func enteredRows(of level) func(intentra.Stats, emit) {
	return func(s intentra.Stats, emit emit) {
		in, _ := of(s.In)
		out, _ := of(s.Out)
		emit(in.In, directionIn)
		emit(out.In, directionOut)
	}
}

func outcomeRows(of level) func(intentra.Stats, emit) {
	return func(s intentra.Stats, emit emit) {
		for _, chain := range []struct {
			direction string
			counts    pipeline.Counts
		}{{directionIn, s.In}, {directionOut, s.Out}} {
			t, dropped := of(chain.counts)
			emit(t.Accepted, chain.direction, outcomeAccepted)
			emit(t.Consumed, chain.direction, outcomeConsumed)
			emit(dropped, chain.direction, outcomeDropped)
		}
	}
}

func callRows(s intentra.Stats, emit emit) {
	emit(s.Socket.ReadCalls, directionIn)
	emit(s.Socket.WriteCalls, directionOut)
}

func lossRows(s intentra.Stats, emit emit) {
	for i, n := range s.Socket.ReadLoss {
		emit(n, directionIn, udp.Loss(i).String())
	}
	for i, n := range s.Socket.WriteLoss {
		emit(n, directionOut, udp.Loss(i).String())
	}
}

func bufferRows(s intentra.Stats, emit emit) {
	emit(uint64(s.SocketReadBuffer), directionIn)
	emit(uint64(s.SocketWriteBuffer), directionOut)
}
