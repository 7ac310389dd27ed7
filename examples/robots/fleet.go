package main

import (
	"encoding/json"
	"fmt"
	"math"
	"time"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/examples/internal/site"
	"github.com/intentra/intentra/hub"
)

// pose is the payload of a pose update.
type pose struct {
	At      int64   `json:"at_us"` // when it was true, on the site's clock
	X       float64 `json:"x"`
	Y       float64 `json:"y"`
	Heading float64 `json:"heading"`
}

// order is the payload of an emergency stop.
type order struct {
	Number int `json:"number"`
}

// robot publishes its pose and obeys orders.
type robot struct {
	name   string
	client *hub.Client
	pose   *hub.Publication
	done   *hub.Publication
	orders *hub.Stream

	track  track
	shift  time.Duration // in time
	dx, dy float64       // in place
	at     int           // index in the track
	next   time.Duration // when the next pose is due
	period time.Duration

	stopped        time.Duration // zero: it moves
	expired, still int           // orders that came too late, and poses of a robot that stands
}

// newRobot connects a robot. Its pose is Latest: a newer one replaces an older one that
// still waits. Its confirmations are Reliable.
func newRobot(s site.Site, name string, cable bool) (*robot, error) {
	r := &robot{name: name}
	var err error
	if r.client, err = s.Join(name, cable); err != nil {
		return nil, err
	}
	if r.pose, err = r.client.DeclareAsync(hub.Topic{
		Name: "pose", Encoding: "json",
		Layout: &hub.Layout{X: hub.Field{Pointer: "/x"}, Y: hub.Field{Pointer: "/y"}}, // for areas
	}); err != nil {
		return nil, err
	}
	if r.done, err = r.client.DeclareAsync(hub.Topic{Name: "stopped", Intent: intentra.Reliable, Encoding: "json"}); err != nil {
		return nil, err
	}
	r.orders, err = r.client.SubscribeAsync(hub.Subscription{Pattern: "operator/stop"})
	return r, err
}

// step reads orders, and publishes the pose if it is due.
func (r *robot) step(now time.Duration) error {
	for {
		u, ok, err := r.orders.Poll()
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		if err := r.obey(now, u); err != nil {
			return err
		}
	}
	if now < r.next {
		return nil
	}
	r.next += r.period * max(1, (now-r.next)/r.period)
	if r.stopped != 0 {
		r.still++
	}
	var s state
	s, r.at = r.track.find(r.driven(now)+r.shift, r.at)
	payload, err := json.Marshal(pose{now.Microseconds(), round(s.x + r.dx), round(s.y + r.dy), round(s.heading)})
	if err != nil {
		return err
	}
	return r.pose.Send(payload)
}

// driven returns how long the robot has moved.
func (r *robot) driven(now time.Duration) time.Duration {
	if r.stopped != 0 {
		return r.stopped
	}
	return now
}

// obey stops the robot, unless the order may be older than its TTL, as after a long cut.
// An order whose age is not known yet, in the first moments of a connection, is obeyed:
// that is the safe side.
func (r *robot) obey(now time.Duration, u hub.Update) error {
	var o order
	if err := json.Unmarshal(u.Payload, &o); err != nil {
		return fmt.Errorf("an order is not JSON: %w", err)
	}
	if u.Stamp && u.Age+u.Within > stopTTL {
		r.expired++
		return nil
	}
	if r.stopped == 0 {
		r.stopped = now
	}
	return r.done.Send(fmt.Appendf(nil, `{"number":%d}`, o.Number))
}

// round rounds to a tenth of a millimetre, so that payloads are short.
func round(v float64) float64 { return math.Round(v*1e4) / 1e4 }

// viewer shows the newest pose of each robot.
type viewer struct {
	stream *hub.Stream
	robots map[string]*sight
}

// sight is what a viewer has seen of a robot.
type sight struct {
	pose
	updates   int
	backwards int // poses that were older than one seen before
	// recovered is when the first pose arrived that is newer than since.
	since, recovered time.Duration
}

func newViewer(s site.Site) (*viewer, error) {
	c, err := s.Join("viewer", false)
	if err != nil {
		return nil, err
	}
	v := &viewer{robots: map[string]*sight{}}
	v.stream, err = c.SubscribeAsync(hub.Subscription{Pattern: "*/pose", Cached: true})
	return v, err
}

// step reads everything that has arrived, and calls seen with the age of each pose.
func (v *viewer) step(now time.Duration, seen func(age time.Duration)) error {
	for {
		u, ok, err := v.stream.Poll()
		if err != nil || !ok {
			return err
		}
		var p pose
		if err := json.Unmarshal(u.Payload, &p); err != nil {
			return fmt.Errorf("a pose is not JSON: %w", err)
		}
		s := v.robots[u.Publisher.Name]
		if s == nil {
			s = new(sight)
			v.robots[u.Publisher.Name] = s
		}
		if p.At < s.At {
			s.backwards++
		}
		s.pose = p
		s.updates++
		at := time.Duration(p.At) * time.Microsecond
		if s.recovered == 0 && s.since != 0 && at > s.since {
			s.recovered = now
		}
		seen(now - at)
	}
}

// operator stops all robots, and knows which have confirmed.
type operator struct {
	stop    *hub.Publication
	stopped *hub.Stream
	sent    time.Duration // first
	next    time.Duration // when it is repeated
	times   int
	// confirmed has how long the first confirmation of each robot took.
	confirmed map[string]time.Duration
}

// repeat is how soon an order is sent again to robots of which one has not confirmed.
const repeat = 500 * time.Millisecond

func newOperator(s site.Site) (*operator, error) {
	c, err := s.Join("operator", false)
	if err != nil {
		return nil, err
	}
	o := &operator{confirmed: map[string]time.Duration{}}
	if o.stop, err = c.DeclareAsync(hub.Topic{
		Name: "stop", Intent: intentra.Reliable, Encoding: "json",
		TTL: stopTTL, Priority: intentra.Urgent, Stamp: true,
	}); err != nil {
		return nil, err
	}
	o.stopped, err = c.SubscribeAsync(hub.Subscription{Pattern: "*/stopped"})
	return o, err
}

// order begins the emergency stop, which is obeyed within its TTL or not at all.
func (o *operator) order(now time.Duration) error {
	o.sent = now
	return o.send(now)
}

// send sends the order. A robot that has stopped confirms it again and does nothing else.
func (o *operator) send(now time.Duration) error {
	payload, err := json.Marshal(order{1})
	if err != nil {
		return err
	}
	o.next, o.times = now+repeat, o.times+1
	return o.stop.Send(payload)
}

// step reads confirmations, and repeats the order while robots are missing.
func (o *operator) step(now time.Duration, robots int) error {
	for {
		u, ok, err := o.stopped.Poll()
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		if _, known := o.confirmed[u.Publisher.Name]; !known {
			o.confirmed[u.Publisher.Name] = now - o.sent
		}
	}
	if o.times > 0 && now >= o.next && now < o.sent+stopTTL && len(o.confirmed) < robots {
		return o.send(now)
	}
	return nil
}
