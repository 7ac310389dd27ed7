package load

import (
	"fmt"
	"math"
	"strings"

	"github.com/intentra/intentra"
)

// Limits are the fields of intentra.Config of the same names that a load may
// have to raise, because all of it comes from one address and at once. Zero
// leaves the default.
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
	raisedHandshakes    = 4096
	// rateMargin is the limit of a peer's rate, as a multiple of its mean rate.
	rateMargin = 1.5
	// burstTime is the time, in seconds, whose messages may arrive at once: a
	// few times MaxLate of a Pacer.
	burstTime = 0.1
)

// LimitsFor returns what a listener needs so that the peers can connect at once
// and then send hz messages per second each.
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

// MaxDatagram is that of all transports that are measured, in bytes: it does not
// depend on the path, and the figures are comparable with those of other transports.
const MaxDatagram = 1232

// Apply sets the limits, and MaxDatagram, in a Config.
func (l Limits) Apply(c *intentra.Config) {
	c.MaxDatagram = MaxDatagram
	c.HandshakeRate, c.MaxHandshakes, c.MaxHandshakesPerAddress = l.HandshakeRate, l.MaxHandshakes, l.MaxHandshakesPerAddress
	c.PeerRate, c.PeerBurst, c.MaxPeers = l.PeerRate, l.PeerBurst, l.MaxPeers
}

// Raised describes each limit that is raised, with its default.
func (l Limits) Raised() (raised []string) {
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
	return raised
}

// String lists the raised limits, or says "none".
func (l Limits) String() string {
	if raised := l.Raised(); len(raised) > 0 {
		return strings.Join(raised, ", ")
	}
	return "none"
}
