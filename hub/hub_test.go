package hub

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/sim"
)

func fleetAccess() string { return line("robot-1", "") + line("robot-2", "") + line("viewer", "") }

// An update reaches those who subscribe to its path, under the publisher's name, and
// no other client.
func TestUpdatesReachSubscribers(t *testing.T) {
	w := newWorld(t, fleetAccess())
	one, two, viewer := w.join("robot-1"), w.join("robot-2"), w.join("viewer")
	require.Equal(t, "robot-1", one.Name())
	all := viewer.subscribe(Subscription{Pattern: "*/pose"})
	wrong := viewer.subscribe(Subscription{Pattern: "*/battery"})
	for _, p := range []*peer{one, two} {
		pose := p.declare(Topic{Name: "pose"})
		w.pass(100 * time.Millisecond)
		require.NoError(t, pose.Send([]byte("at home")))
	}
	w.pass(time.Second)
	require.ElementsMatch(t, []string{"robot-1/pose at home", "robot-2/pose at home"}, all.read())
	require.Empty(t, wrong.read())
	require.Zero(t, one.Stats().Received)
}

// While a topic has no subscriber, its publisher sends nothing. The newest value follows
// when the first one subscribes.
func TestDemand(t *testing.T) {
	w := newWorld(t, fleetAccess())
	one, viewer := w.join("robot-1"), w.join("viewer")
	pose, stop := one.declare(Topic{Name: "pose"}), one.declare(Topic{Name: "stop", Intent: intentra.Reliable})
	w.pass(time.Second)
	require.False(t, pose.Wanted())
	before := one.node.PeerStats(keyOf("hub").Public()).MessagesOut
	for i := range 10 {
		require.NoError(t, pose.Send(fmt.Append(nil, i)))
		require.NoError(t, stop.Send(fmt.Append(nil, i)))
	}
	w.pass(time.Second)
	require.Equal(t, before, one.node.PeerStats(keyOf("hub").Public()).MessagesOut)
	s := viewer.subscribe(Subscription{Pattern: "robot-1/**"})
	w.pass(time.Second)
	require.Equal(t, []string{"robot-1/pose 9"}, s.read())
	require.True(t, pose.Wanted())
	s.Close()
	w.pass(time.Second)
	require.False(t, pose.Wanted())
}

// A value that comes while a subscriber has yet to confirm the topic follows its
// confirmation, whether or not the publisher has other subscribers. Of several values it is
// the newest, and one from before the subscription stays with the hub.
func TestValueBeforeConfirmation(t *testing.T) {
	for _, others := range []bool{false, true} {
		w := newWorld(t, fleetAccess())
		one, two, viewer := w.join("robot-1"), w.join("robot-2"), w.join("viewer")
		if others {
			two.subscribe(Subscription{Pattern: "*/pose"})
		}
		far := viewer.subscribe(Subscription{Pattern: "*/pose"})
		area := viewer.subscribe(Subscription{Pattern: "*/at/pose", Area: Box(0, 0, 1, 1)})
		w.SetLinks(w.hubNode, viewer.node, sim.Link{Delay: 200 * time.Millisecond})
		one.raw(ControlChannel, intentra.Reliable, `{"type":"declare","seq":10,"channel":1,"topic":"pose"}`)
		one.raw(ControlChannel, intentra.Reliable, `{"type":"declare","seq":11,"channel":2,"topic":"at/pose","layout":{"x":{"pointer":"/0"},"y":{"pointer":"/1"}}}`)
		w.pass(50 * time.Millisecond)
		one.raw(1, intentra.Latest, "old")
		one.raw(1, intentra.Latest, "new")
		one.raw(2, intentra.Latest, "[5,5]")
		w.pass(time.Second)
		require.Equal(t, []string{"robot-1/pose new"}, far.read(), "others: %v", others)
		require.Empty(t, area.read())
		late := two.subscribe(Subscription{Pattern: "robot-1/**"})
		w.pass(time.Second)
		require.Empty(t, late.read(), "it did not ask for cached values")
	}
}

// A late subscriber starts with the values of the cache, also of a publisher that has
// left.
func TestCached(t *testing.T) {
	w := newWorld(t, fleetAccess())
	one, two, viewer := w.join("robot-1"), w.join("robot-2"), w.join("viewer")
	first := two.subscribe(Subscription{Pattern: "**"})
	pose := one.declare(Topic{Name: "pose"})
	w.pass(time.Second)
	require.NoError(t, pose.Send([]byte("a")))
	require.NoError(t, pose.Send([]byte("b")))
	w.pass(time.Second)
	require.Equal(t, []string{"robot-1/pose b"}, first.read())
	one.node.Kill()
	w.pass(2 * time.Second)
	late := viewer.subscribe(Subscription{Pattern: "*/pose", Cached: true})
	plain := viewer.subscribe(Subscription{Pattern: "nobody/pose", Cached: true})
	w.pass(time.Second)
	require.Equal(t, []string{"robot-1/pose b cached"}, late.read())
	require.Empty(t, plain.read())
}

// A subscription with a maximum rate gets no more than that, and the newest value.
func TestMaxRate(t *testing.T) {
	w := newWorld(t, fleetAccess())
	one, viewer := w.join("robot-1"), w.join("viewer")
	s := viewer.subscribe(Subscription{Pattern: "*/pose", MaxRate: 10})
	pose := one.declare(Topic{Name: "pose"})
	w.pass(time.Second)
	n := 0
	stop := w.Every(13*time.Millisecond, func() { n++; require.NoError(t, pose.Send(fmt.Append(nil, n))) })
	got := 0
	for range 50 {
		w.pass(100 * time.Millisecond)
		got += len(s.read())
	}
	require.InDelta(t, 50, got, 2)
	stop()
	w.pass(time.Second)
	last := s.read()
	require.Equal(t, fmt.Sprintf("robot-1/pose %d", n), last[len(last)-1])
	require.Positive(t, w.hub.Stats().Conflated)
}

// A value that two subscriptions of a client hold back is sent once, not again and again when
// either of them allows it.
func TestTwoMaxRates(t *testing.T) {
	w := newWorld(t, fleetAccess())
	one, viewer := w.join("robot-1"), w.join("viewer")
	viewer.subscribe(Subscription{Pattern: "*/pose", MaxRate: 7})
	s := viewer.subscribe(Subscription{Pattern: "**", MaxRate: 10})
	pose := one.declare(Topic{Name: "pose"})
	w.pass(time.Second)
	for i := range 100 {
		require.NoError(t, pose.Send(fmt.Append(nil, i)))
		w.pass(10 * time.Millisecond)
	}
	w.pass(time.Second)
	all := s.read()
	require.Equal(t, "robot-1/pose 99", all[len(all)-1])
	sent := w.hub.Stats().Sent
	w.pass(10 * time.Second)
	require.Equal(t, sent, w.hub.Stats().Sent)
}

// Reliable updates have no maximum rate, and none is missing.
func TestReliable(t *testing.T) {
	w := newWorld(t, fleetAccess())
	one, viewer := w.join("robot-1"), w.join("viewer")
	s := viewer.subscribe(Subscription{Pattern: "*/log", MaxRate: 1})
	log := one.declare(Topic{Name: "log", Intent: intentra.Reliable})
	w.pass(time.Second)
	var want []string
	for i := range 200 {
		require.NoError(t, log.Send(fmt.Append(nil, i)))
		want = append(want, fmt.Sprintf("robot-1/log %d", i))
	}
	w.pass(time.Second)
	require.Equal(t, want, s.read())
}

// After a restart of the hub, clients declare and subscribe again by themselves.
func TestHubRestarts(t *testing.T) {
	w := newWorld(t, fleetAccess())
	one, viewer := w.join("robot-1"), w.join("viewer")
	s := viewer.subscribe(Subscription{Pattern: "*/*"})
	pose := one.declare(Topic{Name: "pose"})
	log := one.declare(Topic{Name: "log", Intent: intentra.Reliable})
	w.pass(time.Second)
	require.NoError(t, w.hubNode.Restart())
	stop := w.Every(100*time.Millisecond, func() { require.NoError(t, pose.Send([]byte("x"))) })
	require.NoError(t, log.Send([]byte("kept")))
	w.until(func() bool { return w.hub.Stats().Subscriptions == 1 && w.hub.Stats().Topics == 2 })
	w.pass(time.Second)
	stop()
	got := s.read()
	require.Contains(t, got, "robot-1/pose x")
	require.NoError(t, pose.Err())
	require.Zero(t, w.hub.Stats().Drops[DropUndeclared])
}

// Presence reports joins, leaves and restarts.
func TestPresence(t *testing.T) {
	w := newWorld(t, fleetAccess())
	viewer := w.join("viewer")
	one := w.join("robot-1")
	w.pass(time.Second)
	require.NoError(t, one.node.Restart())
	one.dial()
	w.pass(time.Second)
	one.node.Close()
	w.pass(time.Second)
	var story []string
	for _, p := range viewer.seen {
		if p.Name == "robot-1" {
			story = append(story, fmt.Sprint(p.Connected, p.Restarts))
		}
	}
	require.Equal(t, []string{"true 0", "true 1", "false 1"}, story)
}

// A subscription with an area gets the updates inside, and one when the object leaves.
func TestArea(t *testing.T) {
	w := newWorld(t, fleetAccess())
	one, viewer := w.join("robot-1"), w.join("viewer")
	s := viewer.subscribe(Subscription{Pattern: "*/pose", Area: Box(0, 0, 10, 10)})
	layout := &Layout{X: Field{Pointer: "/x"}, Y: Field{Pointer: "/at/1"}}
	pose := one.declare(Topic{Name: "pose", Layout: layout, Encoding: "json"})
	w.pass(time.Second)
	var seen []string
	send := func(x, y int) {
		require.NoError(t, pose.Send(fmt.Appendf(nil, `{"x":%d,"at":[0,%d]}`, x, y)))
		w.pass(100 * time.Millisecond)
		seen = append(seen, s.read()...)
	}
	for _, at := range [][2]int{{-1, 5}, {1, 5}, {2, 5}, {11, 5}, {12, 5}, {10, 10}, {5, 11}, {5, 12}} {
		send(at[0], at[1])
	}
	require.Equal(t, []string{
		`robot-1/pose {"x":1,"at":[0,5]}`, `robot-1/pose {"x":2,"at":[0,5]}`, `robot-1/pose {"x":11,"at":[0,5]}`,
		`robot-1/pose {"x":10,"at":[0,10]}`, `robot-1/pose {"x":5,"at":[0,11]}`,
	}, seen)
	require.NoError(t, s.Move(Circle(5, 12, 1)))
	w.pass(time.Second)
	require.Equal(t, []string{`robot-1/pose {"x":5,"at":[0,12]}`}, s.read(), "the area has moved over the object")
	require.NoError(t, s.Move(Circle(50, 12, 1)))
	w.pass(time.Second)
	require.Equal(t, []string{`robot-1/pose {"x":5,"at":[0,12]}`}, s.read(), "the area has left the object")
	seen = nil
	send(5, 13)
	require.Empty(t, seen)
}

// The access list decides who may publish and subscribe, also after a change.
func TestAccess(t *testing.T) {
	w := newWorld(t, line("robot-1", "publish=robot-1/pose")+line("viewer", "subscribe=*/pose")+line("robot-2", ""))
	one, two, viewer := w.join("robot-1"), w.join("robot-2"), w.join("viewer")
	require.NoError(t, one.declare(Topic{Name: "pose"}).Err())
	secret := one.declare(Topic{Name: "secret"})
	var refused *RequestError
	require.ErrorAs(t, secret.Err(), &refused)
	require.Equal(t, "not_allowed", refused.Code)
	s := viewer.subscribe(Subscription{Pattern: "**"})
	pose, plan := two.declare(Topic{Name: "pose"}), two.declare(Topic{Name: "plan"})
	w.pass(time.Second)
	require.NoError(t, pose.Send([]byte("1")))
	require.NoError(t, plan.Send([]byte("1")))
	w.pass(time.Second)
	require.Equal(t, []string{"robot-2/pose 1"}, s.read())

	a := w.parse(line("robot-2", "publish=robot-2/plan") + line("viewer", ""))
	w.hub.SetAccess(a)
	w.pass(time.Second)
	require.ErrorIs(t, pose.Err(), ErrRefused)
	require.NoError(t, plan.Send([]byte("2")))
	w.pass(time.Second)
	got := s.read()
	require.Equal(t, "robot-2/plan 2", got[len(got)-1])
	require.False(t, one.node.Connected(keyOf("hub").Public()))
}

// Position reads what a layout describes, and fails for what is not there; a layout that no
// topic can have does no harm.
func TestLayoutPosition(t *testing.T) {
	payload := make([]byte, 16)
	payload[3], payload[15] = 7, 9
	for _, c := range []struct {
		x, y    Field
		payload string
		want    []float64 // nil: none
	}{
		{Field{Pointer: "/x"}, Field{Pointer: "/at/1"}, `{"x":1,"at":[0,5]}`, []float64{1, 5}},
		{Field{Pointer: "/x"}, Field{Pointer: "/at/2"}, `{"x":1,"at":[0,5]}`, nil},
		{Field{Type: "i32be"}, Field{Type: "i64be", Offset: 8}, string(payload), []float64{7, 9}},
		{Field{Type: "i32be"}, Field{Type: "i64be", Offset: 9}, string(payload), nil},
		{Field{Type: "i32be", Offset: -1}, Field{Type: "i32be"}, string(payload), nil},
		{Field{Type: "i32be", Offset: math.MaxInt}, Field{Type: "i32be"}, string(payload), nil},
		{Field{}, Field{}, string(payload), nil},
	} {
		x, y, z, ok := Layout{X: c.x, Y: c.y}.Position([]byte(c.payload))
		require.Equal(t, c.want != nil, ok)
		if ok {
			require.Equal(t, c.want, []float64{x, y})
			require.True(t, math.IsNaN(z))
		}
	}
}
