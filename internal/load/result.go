package load

import (
	"math"
	"time"

	"github.com/intentra/intentra/internal/histogram"
)

// Latency has quantiles in microseconds, accurate to about 3 %.
type Latency struct {
	P50  float64 `json:"p50"`
	P90  float64 `json:"p90"`
	P99  float64 `json:"p99"`
	P999 float64 `json:"p999"`
	Max  float64 `json:"max"`
	// Samples is how many latencies were measured.
	Samples uint64 `json:"samples"`
}

// LatencyOf returns the quantiles of a snapshot.
func LatencyOf(s *histogram.Snapshot) Latency {
	return Latency{
		P50: micro(s.Quantile(0.5)), P90: micro(s.Quantile(0.9)), P99: micro(s.Quantile(0.99)),
		P999: micro(s.Quantile(0.999)), Max: micro(s.Max()), Samples: s.Count(),
	}
}

// Point is the result of one load. It counts the messages of the measured time.
type Point struct {
	Peers int     `json:"peers"`
	Hz    float64 `json:"hz"` // intended messages per second of each peer

	// Rates are per second of the measured time.
	OfferedPPS   float64 `json:"offered_pps"` // fell due
	SentPPS      float64 `json:"sent_pps"`    // left the senders' queues
	DeliveredPPS float64 `json:"delivered_pps"`
	Delivery     float64 `json:"delivery"` // Delivered of Sent

	Offered   uint64 `json:"offered"`
	Skipped   uint64 `json:"skipped"` // fell due, but the sender was too late
	Sent      uint64 `json:"sent"`
	Delivered uint64 `json:"delivered"`

	// LatencyUs is one-way, from Send to the receiving Handler or Receive.
	LatencyUs Latency `json:"latency_us"`
	// CPUNsPerPacket is the CPU time that the measured side used during the
	// sending, for each message that was delivered to it by the end.
	CPUNsPerPacket float64 `json:"cpu_ns_per_packet"`
	// SenderCPUNsPerPacket is the CPU time of the children for each message sent.
	SenderCPUNsPerPacket float64 `json:"sender_cpu_ns_per_packet"`
	MessagesPerDatagram  float64 `json:"messages_per_datagram"`
	// SentPerMessage is how many datagrams the receiver sent for each message that it
	// received, which are acknowledgements and handshakes; zero in a fan-out.
	SentPerMessage float64 `json:"datagrams_sent_per_message"`

	Drops       Drops `json:"drops"`        // at the receiver, including the kernel's
	SenderDrops Drops `json:"sender_drops"` // at the senders
}

// rates sets the figures that follow from the counts.
func (p *Point) rates(duration time.Duration) {
	s := duration.Seconds()
	p.OfferedPPS, p.SentPPS, p.DeliveredPPS = per(p.Offered, s), per(p.Sent, s), per(p.Delivered, s)
	p.Delivery = per(p.Delivered, float64(p.Sent))
}

func per(n uint64, of float64) float64 { return Ratio(float64(n), of) }

// Ratio returns a/b, or zero if b is zero.
func Ratio(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}

func micro(d time.Duration) float64 { return math.Round(float64(d)/10) / 100 }
