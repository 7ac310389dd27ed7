package compare

import (
	"slices"
	"time"

	"github.com/intentra/intentra/bench/contender"
)

// Options are those of a comparison.
type Options struct {
	Rounds int
	// Length of each measurement.
	Length time.Duration
	// Size is that of a message in bytes, Senders the number of sending
	// processes, and Buffer the bytes of socket buffer to ask for.
	Size, Senders, Buffer int
	// Many is the number of connections in the comparison with the raw limit,
	// and Few are those in the comparison with other transports.
	Many int
	Few  []int
	// Rates, in messages per second, are offered over many connections, and
	// SocketRates if each of these has a socket.
	Rates, SocketRates []float64
}

// Defaults returns the defaults of the command.
func Defaults() Options {
	return Options{
		Rounds: 3, Length: 2 * time.Second, Size: 128, Senders: 2, Buffer: 4 << 20,
		Many: 2000, Few: []int{2, 100},
		Rates: []float64{1e6, 2e6, 3e6}, SocketRates: []float64{50e3, 100e3, 200e3},
	}
}

// step is one visit to a contender in each round.
type step struct {
	contender   contender.Contender
	connections int
	rates       []float64 // to offer; without any, the step looks for the peak
	few         bool
}

func (s step) key() Key {
	return Key{Contender: s.contender.Name(), Connections: s.connections}
}

// The contenders that are measured with many connections, with as many sockets,
// and with few connections.
var (
	many    = []string{"raw", "intentra", "intentra-receive"}
	sockets = []string{"raw-nogso", "intentra-nogso"}
	few     = []string{"raw", "intentra", "quic-go", "pion-dtls", "udp"}
)

// plan returns the steps of a round. Steps that are compared with each other are
// adjacent.
func plan(o Options, list []contender.Contender) (steps []step) {
	among := func(names []string, add func(c contender.Contender)) {
		for _, c := range list {
			if slices.Contains(names, c.Name()) {
				add(c)
			}
		}
	}
	for _, g := range []struct {
		names []string
		rates []float64
	}{{many, o.Rates}, {many, nil}, {sockets, o.SocketRates}, {sockets, nil}} {
		among(g.names, func(c contender.Contender) { steps = append(steps, step{c, o.Many, g.rates, false}) })
	}
	for _, n := range o.Few {
		among(few, func(c contender.Contender) { steps = append(steps, step{c, n, nil, true}) })
	}
	return steps
}

// keys returns the rows of a plan, each once.
func keys(steps []step) (list []Key) {
	for _, s := range steps {
		if !slices.Contains(list, s.key()) {
			list = append(list, s.key())
		}
	}
	return list
}
