package load

import (
	"time"

	"github.com/intentra/intentra"
)

// Phase is the result of one kind of attack.
type Phase struct {
	Kind AttackKind `json:"attack"`
	// Victim is the peer whose address the observer uses. Others are the other
	// honest peers together.
	Victim HonestShare `json:"victim"`
	Others HonestShare `json:"others"`

	// Asked is the intended rate of datagrams or handshakes, PerSecond the rate
	// that was reached, and Attack what the attacker counted.
	Asked     float64   `json:"asked_per_s"`
	PerSecond float64   `json:"sent_per_s"`
	Attack    *Attacked `json:"attacker,omitempty"` // nil while idle

	// EndpointCores and AttackerCores are the CPU seconds that the process of
	// the endpoint and that of the attacker used in each second.
	EndpointCores float64 `json:"endpoint_cores"`
	AttackerCores float64 `json:"attacker_cores"`

	// Counts of the endpoint: drops, handshakes and their packets by outcome,
	// cookie challenges, and closed sessions.
	Drops      Drops             `json:"drops"`
	Handshakes map[string]uint64 `json:"handshakes"`
	Cookies    uint64            `json:"cookies_sent"`
	Closes     map[string]uint64 `json:"closes"`
	Strikes    uint64            `json:"strikes"`
}

// HonestShare counts the messages of honest peers.
type HonestShare struct {
	Offered   uint64  `json:"offered"`
	Skipped   uint64  `json:"skipped"` // fell due, but the sender was too late
	Sent      uint64  `json:"sent"`    // left the sender's queue
	Delivered uint64  `json:"delivered"`
	Delivery  float64 `json:"delivery"` // delivered of sent
	// LatencyUs is one-way, from Send to Handler.
	LatencyUs Latency `json:"latency_us"`
}

func shareOf(s *Sent, r *Receiver) HonestShare {
	h := HonestShare{Offered: s.Offered, Skipped: s.Skipped, Sent: s.Sent, Delivered: r.Delivered()}
	h.Delivery, h.LatencyUs = per(h.Delivered, float64(h.Sent)), LatencyOf(r.Latency())
	return h
}

// count sets the counts of the endpoint.
func (p *Phase) count(before, after intentra.Stats) {
	p.Drops = DropsOf(after).Since(DropsOf(before))
	p.Handshakes = risen(before.Handshakes, after.Handshakes)
	p.Closes = risen(before.Closes, after.Closes)
	p.Cookies = after.CookiesSent - before.CookiesSent
	p.Strikes = after.Strikes - before.Strikes
}

// risen returns by how much each counter has grown, without those that have not.
func risen(before, after []intentra.NamedCount) map[string]uint64 {
	diff := map[string]uint64{}
	for _, c := range after {
		diff[c.Name] += c.Count
	}
	for _, c := range before {
		diff[c.Name] -= c.Count
	}
	for name, n := range diff {
		if n == 0 {
			delete(diff, name)
		}
	}
	return diff
}

// Admitted returns how many handshakes a second the endpoint has completed.
func (p *Phase) Admitted(duration time.Duration) float64 {
	return per(p.Handshakes[acceptedOutcome], duration.Seconds())
}
