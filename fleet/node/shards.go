package node

import (
	"time"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/fleet/member"
)

// rateEach is the time over which rates are measured.
const rateEach = time.Second

// Shard is the updates from one hub to another, of which this hub is one. Each has a
// sequence of its own, and waits for no other.
type Shard struct {
	From, To intentra.PublicKey
	// In is true for updates to this hub.
	In bool
	// Subject is the NATS subject on which the receiving hub gets all of its shards.
	Subject string
	member.Traffic
	// UpdatesPerSecond and BytesPerSecond are those of the latest whole second.
	UpdatesPerSecond, BytesPerSecond float64
	// Gaps counts batches that were skipped in the sequence and have not come since. The
	// sending hub does not know them: there it is zero.
	Gaps uint64
}

// route identifies the shard between this hub and another one.
type route struct {
	other intentra.PublicKey
	in    bool
}

// rates measures how much goes through shards.
type rates struct {
	at     time.Duration // of the latest measurement
	before map[route]member.Traffic
	rate   map[route][2]float64 // updates and bytes per second
}

// measure is called on the loop, with the hubs of the fleet.
func (r *rates) measure(hubs []member.Seen, now time.Duration) {
	took := (now - r.at).Seconds()
	if now-r.at < rateEach {
		return
	}
	before := r.before
	r.at, r.before, r.rate = now, make(map[route]member.Traffic), make(map[route][2]float64)
	for i := range hubs {
		h := &hubs[i]
		for _, in := range []bool{true, false} {
			to, t := route{h.Key, in}, h.Out
			if in {
				t = h.In
			}
			r.before[to] = t
			// A hub that was forgotten in between begins again at zero.
			if old, known := before[to]; known && t.Batches >= old.Batches {
				r.rate[to] = [2]float64{float64(t.Updates-old.Updates) / took, float64(t.Bytes-old.Bytes) / took}
			}
		}
	}
}

// shards describes the shards from and to other hubs, in the order of their keys.
func (r *rates) shards(hubs []member.Seen, self intentra.PublicKey, names subjects) []Shard {
	var list []Shard
	for i := range hubs {
		h := &hubs[i]
		if h.Self {
			continue
		}
		in, out := r.rate[route{h.Key, true}], r.rate[route{h.Key, false}]
		list = append(list, Shard{
			From: h.Key, To: self, In: true, Subject: names.to(self), Traffic: h.In, UpdatesPerSecond: in[0], BytesPerSecond: in[1],
			Gaps: h.Flow.Missing - min(h.Flow.Reordered, h.Flow.Missing),
		}, Shard{From: self, To: h.Key, Subject: names.to(h.Key), Traffic: h.Out, UpdatesPerSecond: out[0], BytesPerSecond: out[1]})
	}
	return list
}
