package compare

import "fmt"

// The metrics of a contender with a number of connections.
const (
	Peak           = "peak_per_second"     // delivered at a delivery of 99 %
	PeakReceiverNs = "peak_receiver_ns"    // CPU time of a message there
	PeakSenderNs   = "peak_sender_ns"      //
	FlatOut        = "flat_out_per_second" // delivered, senders unpaced
	FlatDelivery   = "flat_out_delivery"   // share of the sent messages
	HalfReceiverNs = "half_receiver_ns"    // CPU time of a message at half the peak
	HalfSenderNs   = "half_sender_ns"      //
	TripP50        = "trip_p50_us"         // without other load
	TripP99        = "trip_p99_us"         //
	TripHalfP50    = "trip_half_p50_us"    // at half the peak
	TripHalfP99    = "trip_half_p99_us"    //
	Handshakes     = "handshakes_per_second"
	Memory         = "bytes_per_connection"
	PerDatagram    = "peak_messages_per_datagram"
)

// The metrics at a fixed offered rate.
const (
	FixedDelivery    = "delivery"
	FixedReceiverNs  = "receiver_ns"
	FixedSenderNs    = "sender_ns"
	FixedPerDatagram = "messages_per_datagram"
	FixedDatagramNs  = "receiver_ns_per_datagram"
	FixedP50         = "latency_p50_us"
	FixedP99         = "latency_p99_us"
)

const atPrefix = "at_"

// At returns the name of a metric at a fixed rate.
func At(rate float64, metric string) string { return fmt.Sprintf(atPrefix+"%.0f_%s", rate, metric) }

// Key identifies a row.
type Key struct {
	Contender   string
	Connections int
}

// Book collects the values of all rounds.
type Book struct {
	keys   []Key // in the order of the rows
	series map[Key]map[string]Series
}

// NewBook returns an empty Book with the given rows.
func NewBook(keys []Key) *Book {
	b := &Book{keys: keys, series: make(map[Key]map[string]Series)}
	for _, k := range keys {
		b.series[k] = make(map[string]Series)
	}
	return b
}

// Add records a value of a round. The key is one of NewBook's.
func (b *Book) Add(k Key, metric string, round int, value float64) {
	s := b.series[k]
	if s[metric] == nil {
		s[metric] = Series{}
	}
	s[metric][round] = value
}

// Series returns the values of a metric, or nil without any.
func (b *Book) Series(k Key, metric string) Series { return b.series[k][metric] }

// Last returns the value of the latest round before the given one, if any.
func (b *Book) Last(k Key, metric string, round int) (float64, bool) {
	for r := round - 1; r >= 0; r-- {
		if v, ok := b.series[k][metric][r]; ok {
			return v, true
		}
	}
	return 0, false
}

// Rows returns the rows that have values.
func (b *Book) Rows() (rows []Row) {
	for _, k := range b.keys {
		r := Row{Contender: k.Contender, Connections: k.Connections, Values: make(map[string]Stat)}
		for metric, s := range b.series[k] {
			r.Values[metric] = s.Stat()
		}
		if len(r.Values) > 0 {
			rows = append(rows, r)
		}
	}
	return rows
}
