package load

import (
	"fmt"
	"math"
	"strings"

	"github.com/intentra/intentra"
)

// Limits are the fields of intentra.Config of the same name that a load may
// need to have raised, because all of it comes from one address and in little
// time. Zero leaves the default.
type Limits struct {
	HandshakeRate           int `json:",omitempty"`
	MaxHandshakes           int `json:",omitempty"`
	MaxHandshakesPerAddress int `json:",omitempty"`
	PeerRate                int `json:",omitempty"`
	PeerBurst               int `json:",omitempty"`
	MaxPeers                int `json:",omitempty"`
}

// What we chose.
const (
	raisedHandshakeRate = 10_000
	raisedHandshakes    = 1024
	// rateMargin is how far above the mean rate of a peer its limit is, and
	// burstTime the time of which all messages may come at once: a few times
	// what a Pacer sends after having been late.
	rateMargin = 1.5
	burstTime  = 0.1 // seconds
)

// LimitsFor returns what a listener needs so that peers can connect at once,
// and then send at hz packets per second each.
func LimitsFor(peers int, hz float64) Limits {
	l := Limits{
		HandshakeRate: raisedHandshakeRate, MaxHandshakes: raisedHandshakes, MaxHandshakesPerAddress: raisedHandshakes,
	}
	if rate := rateMargin * hz; rate > intentra.DefaultPeerRate {
		l.PeerRate = int(math.Ceil(rate))
	}
	if burst := burstTime * hz; burst > intentra.DefaultPeerBurst {
		l.PeerBurst = int(math.Ceil(burst))
	}
	if peers > intentra.DefaultMaxPeers {
		l.MaxPeers = peers
	}
	return l
}

// Apply puts the limits into a config.
func (l Limits) Apply(c *intentra.Config) {
	c.HandshakeRate, c.MaxHandshakes, c.MaxHandshakesPerAddress = l.HandshakeRate, l.MaxHandshakes, l.MaxHandshakesPerAddress
	c.PeerRate, c.PeerBurst, c.MaxPeers = l.PeerRate, l.PeerBurst, l.MaxPeers
}

// String lists what is raised, with the defaults.
func (l Limits) String() string {
	var raised []string
	for _, f := range []struct {
		name            string
		value, standard int
	}{
		{"HandshakeRate", l.HandshakeRate, intentra.DefaultHandshakeRate},
		{"MaxHandshakes", l.MaxHandshakes, intentra.DefaultMaxHandshakes},
		{"MaxHandshakesPerAddress", l.MaxHandshakesPerAddress, intentra.DefaultHandshakesPerAddress},
		{"PeerRate", l.PeerRate, intentra.DefaultPeerRate},
		{"PeerBurst", l.PeerBurst, intentra.DefaultPeerBurst},
		{"MaxPeers", l.MaxPeers, intentra.DefaultMaxPeers},
	} {
		if f.value != 0 {
			raised = append(raised, fmt.Sprintf("%s %d (default %d)", f.name, f.value, f.standard))
		}
	}
	if len(raised) == 0 {
		return "none"
	}
	return strings.Join(raised, ", ")
}
