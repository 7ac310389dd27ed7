package main

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/intentra/intentra/examples/internal/site"
	"github.com/intentra/intentra/hub"
)

// state is the payload of an update.
type state struct {
	Number int     `json:"number"` // of the updates of the aircraft
	Lat    float64 `json:"lat"`
	Lon    float64 `json:"lon"`
	Alt    float64 `json:"alt_ft"`
}

// receiver publishes the states of all aircraft, one topic for each.
type receiver struct {
	flights []flight
	topics  []*hub.Publication
	numbers []int
	speed   float64
}

// newReceiver declares the topics. The layout tells the hub where a position is, for
// viewers with an area.
func newReceiver(s site.Site, flights []flight, speed float64) (*receiver, error) {
	c, err := s.Join("receiver", false)
	if err != nil {
		return nil, err
	}
	r := &receiver{flights: flights, numbers: make([]int, len(flights)), speed: speed}
	for _, f := range flights {
		t, err := c.DeclareAsync(hub.Topic{
			Name: "aircraft/" + f.name, Encoding: "json",
			Layout: &hub.Layout{X: hub.Field{Pointer: "/lon"}, Y: hub.Field{Pointer: "/lat"}},
		})
		if err != nil {
			return nil, err
		}
		r.topics = append(r.topics, t)
	}
	return r, nil
}

// truth returns where an aircraft is.
func (r *receiver) truth(i int, now time.Duration) fix {
	return r.flights[i].where(time.Duration(float64(now) * r.speed))
}

// publish sends the states of all aircraft.
func (r *receiver) publish(now time.Duration) error {
	for i, t := range r.topics {
		r.numbers[i]++
		p := r.truth(i, now)
		payload, err := json.Marshal(state{r.numbers[i], p.lat, p.lon, p.alt})
		if err != nil {
			return err
		}
		if err := t.Send(payload); err != nil {
			return fmt.Errorf("%s: %w", r.flights[i].name, err)
		}
	}
	return nil
}

// viewer keeps a copy of the states: the twin.
type viewer struct {
	name   string
	stream *hub.Stream
	area   *hub.Area
	twin   map[string]state

	joined, whole time.Duration // when it joined, and when it first knew everything; zero: not yet
	backwards     int           // states that were older than one seen before
	bytes         int           // of payloads
	divergence    []float64     // metres from the truth, of each aircraft at each look
}

// newViewer joins. Cached values make the picture complete at once, although some
// aircraft may not publish for a while.
func newViewer(s site.Site, name string, area *hub.Area) (*viewer, error) {
	v := &viewer{name: name, area: area, twin: map[string]state{}, joined: s.Now()}
	c, err := s.Join(name, false)
	if err != nil {
		return nil, err
	}
	v.stream, err = c.SubscribeAsync(hub.Subscription{Pattern: "receiver/aircraft/*", Cached: true, Area: area})
	return v, err
}

// step reads everything that has arrived.
func (v *viewer) step() error {
	for {
		u, ok, err := v.stream.Poll()
		if err != nil || !ok {
			return err
		}
		var s state
		if err := json.Unmarshal(u.Payload, &s); err != nil {
			return err
		}
		v.bytes += len(u.Payload)
		if s.Number < v.twin[u.Topic.Name].Number {
			v.backwards++
		}
		v.twin[u.Topic.Name] = s
	}
}

// inside reports whether a position is in the viewer's area.
func (v *viewer) inside(p fix) bool {
	return v.area == nil || p.lon >= v.area.Min[0] && p.lon <= v.area.Max[0] && p.lat >= v.area.Min[1] && p.lat <= v.area.Max[1]
}

// compare measures the twin against the truth, and notes when it first has all aircraft
// that it should.
func (v *viewer) compare(r *receiver, now time.Duration) {
	complete := true
	for i, f := range r.flights {
		p := r.truth(i, now)
		if !v.inside(p) {
			continue
		}
		s, ok := v.twin["aircraft/"+f.name]
		if !ok {
			complete = false
			continue
		}
		v.divergence = append(v.divergence, metres(p, fix{lat: s.Lat, lon: s.Lon}))
	}
	if complete && v.whole == 0 {
		v.whole = now
	}
}
