package hub

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/sim"
)

// stampedNow is a payload that says when it was made on the world's clock.
func (w *world) stampedNow() []byte { return binary.BigEndian.AppendUint64(nil, uint64(w.Elapsed())) }

// checkAge requires that the age of an update that has arrived now is right within its bound.
func (w *world) checkAge(u Update) {
	age := w.Elapsed() - time.Duration(binary.BigEndian.Uint64(u.Payload))
	require.True(w.t, u.Stamp, "%s, %v", u.Path(), age)
	require.LessOrEqual(w.t, (u.Age - age).Abs(), u.Within, "%s, %v", u.Path(), age)
	require.GreaterOrEqual(w.t, u.Age, -u.Within)
	require.Less(w.t, u.Within, 100*time.Millisecond)
}

// The age of an update is measured over both hops, with the time that it waits at the hub
// or at the publisher: for others, for the maximum rate, or in the cache. Clocks drift, and
// delays are not symmetric.
func TestAgeAcrossTheHub(t *testing.T) {
	w := newWorld(t, fleetAccess())
	w.hubNode.SetDrift(-50)
	robot := w.join("robot-1")
	robot.node.JumpClock(1700 * time.Millisecond)
	robot.node.SetDrift(50)
	w.SetLink(robot.node, w.hubNode, sim.Link{Delay: 30 * time.Millisecond, Jitter: 5 * time.Millisecond, Loss: 0.05})
	w.SetLink(w.hubNode, robot.node, sim.Link{Delay: 8 * time.Millisecond})
	w.pass(5 * time.Second)
	var topics []*Publication
	for _, intent := range []intentra.Intent{intentra.Realtime, intentra.Latest, intentra.Reliable} {
		topics = append(topics, robot.declare(Topic{Name: intent.String(), Intent: intent, Stamp: true}))
	}
	require.NoError(t, topics[1].Send(w.stampedNow())) // without a subscriber
	seen := map[string]int{}
	handler := func(u Update) {
		w.checkAge(u)
		seen[u.Path()]++
		if u.Cached {
			seen["cached"]++
			require.Greater(t, u.Age, time.Second)
		}
	}
	w.pass(2 * time.Second)
	viewer := w.join("viewer")
	viewer.node.SetDrift(-30)
	viewer.subscribe(Subscription{Pattern: "*/realtime", Handler: handler})
	viewer.subscribe(Subscription{Pattern: "*/latest", MaxRate: 3, Handler: handler})
	viewer.subscribe(Subscription{Pattern: "*/reliable", Handler: handler})
	require.Equal(t, 1, seen["robot-1/latest"], "the value that was kept for two seconds")
	for range 200 {
		for _, p := range topics {
			require.NoError(t, p.Send(w.stampedNow()))
		}
		w.pass(10 * time.Millisecond)
	}
	w.pass(2 * time.Second)
	late := w.join("robot-2")
	late.subscribe(Subscription{Pattern: "robot-1/latest", Cached: true, Handler: handler})
	w.pass(time.Second)
	require.Greater(t, seen["robot-1/realtime"], 150)
	require.Greater(t, seen["robot-1/latest"], 6)
	require.Equal(t, 200, seen["robot-1/reliable"])
	require.Equal(t, 1, seen["cached"])
}

// Without a stamp no update has an age. The age of an update includes the time for which it
// has waited in the stream.
func TestAgeInAStream(t *testing.T) {
	w := newWorld(t, fleetAccess())
	robot, viewer := w.join("robot-1"), w.join("viewer")
	plain, stamped := robot.declare(Topic{Name: "plain"}), robot.declare(Topic{Name: "stamped", Stamp: true})
	s := viewer.subscribe(Subscription{Pattern: "robot-1/*"})
	for range 2 { // the second one replaces the first
		require.NoError(t, plain.Send(w.stampedNow()))
		require.NoError(t, stamped.Send(w.stampedNow()))
		w.pass(100 * time.Millisecond)
	}
	for range 2 {
		u, ok, err := s.Poll()
		require.True(t, ok)
		require.NoError(t, err)
		require.Equal(t, u.Topic.Stamp, u.Stamp)
		if u.Stamp {
			w.checkAge(u)
			require.Greater(t, u.Age, 80*time.Millisecond)
		} else {
			require.Zero(t, u.Age)
		}
	}
}

// An update is not passed on after its TTL: neither by the publisher, nor by the hub, nor
// from the cache. The subscriber of a Reliable topic learns of it with the next update.
func TestTTLOfATopic(t *testing.T) {
	w := newWorld(t, fleetAccess()+line("late", ""))
	robot, viewer := w.join("robot-1"), w.join("viewer")
	orders := robot.declare(Topic{Name: "orders", Intent: intentra.Reliable, TTL: 500 * time.Millisecond})
	forever := robot.declare(Topic{Name: "forever", Intent: intentra.Reliable})
	pose := robot.declare(Topic{Name: "pose", TTL: 500 * time.Millisecond})
	s := viewer.subscribe(Subscription{Pattern: "robot-1/*"})
	read := func() (all []string) {
		for {
			u, ok, _ := s.Poll()
			if !ok {
				slices.Sort(all)
				return all
			}
			all = append(all, fmt.Sprintf("%s %s %v", u.Topic.Name, u.Payload, u.Gap))
		}
	}
	round := func(number int) {
		for _, p := range []*Publication{orders, forever, pose} {
			require.NoError(t, p.Send(fmt.Append(nil, number)))
		}
	}
	round(1)
	w.pass(time.Second)
	require.Equal(t, []string{"forever 1 false", "orders 1 false", "pose 1 false"}, read())
	for i, ends := range [][2]*sim.Node{{w.hubNode, viewer.node}, {robot.node, w.hubNode}} {
		for _, up := range []bool{false, true} {
			for _, e := range [][2]*sim.Node{ends, {ends[1], ends[0]}} {
				w.SetLink(e[0], e[1], sim.Link{Cut: !up, Delay: 5 * time.Millisecond})
			}
			if !up {
				round(10*i + 2)
				w.pass(900 * time.Millisecond)
				round(10*i + 3)
				w.pass(100 * time.Millisecond)
			}
		}
		w.pass(5 * time.Second)
		got := read()
		require.Contains(t, got, fmt.Sprintf("forever %d false", 10*i+2))
		require.Contains(t, got, fmt.Sprintf("forever %d false", 10*i+3))
		round(10*i + 4)
		w.pass(time.Second)
		got = append(got, read()...)
		require.NotContains(t, strings.Join(got, "\n"), fmt.Sprintf("orders %d ", 10*i+2))
		require.NotContains(t, strings.Join(got, "\n"), fmt.Sprintf("pose %d ", 10*i+2))
		require.Contains(t, strings.Join(got, "\n"), " true", "the gap")
		require.Contains(t, strings.Join(got, "\n"), fmt.Sprintf("orders %d ", 10*i+4))
		round(10*i + 5)
		w.pass(time.Second)
		require.NotContains(t, strings.Join(read(), "\n"), "true")
	}
	require.Positive(t, viewer.Stats().GivenUp)
	require.Positive(t, w.hub.Stats().Drops[DropExpired], "notices of the publisher")

	late := w.join("late")
	cached := late.subscribe(Subscription{Pattern: "robot-1/pose", Cached: true})
	w.pass(time.Second)
	require.Empty(t, cached.read())
	require.Zero(t, w.hub.Stats().Cached)
	require.NoError(t, pose.Send([]byte("new")))
	w.pass(100 * time.Millisecond)
	require.Equal(t, []string{"robot-1/pose new"}, cached.read())

	// An update that is too old when it comes.
	s.read()
	w.SetLink(robot.node, w.hubNode, sim.Link{Delay: 600 * time.Millisecond})
	w.SetLink(w.hubNode, robot.node, sim.Link{Delay: 600 * time.Millisecond})
	stamped := robot.declare(Topic{Name: "stamped", TTL: 500 * time.Millisecond, Stamp: true})
	w.pass(5 * time.Second)
	before := w.hub.Stats().Drops[DropExpired]
	require.NoError(t, stamped.Send([]byte("old")))
	w.pass(2 * time.Second)
	require.Empty(t, s.read())
	require.Equal(t, before+1, w.hub.Stats().Drops[DropExpired])
}

// The priority of a topic applies at the publisher and at the hub.
func TestPriorityOfATopic(t *testing.T) {
	w := newWorld(t, fleetAccess())
	robot, viewer := w.join("robot-1"), w.join("viewer")
	logs := robot.declare(Topic{Name: "logs", Intent: intentra.Reliable, Priority: intentra.Low})
	stop := robot.declare(Topic{Name: "stop", Intent: intentra.Reliable, Priority: intentra.Urgent})
	priorities := map[string]map[intentra.Priority]int{}
	w.Observe(sim.Observer{Sent: func(from *sim.Node, _ intentra.PublicKey, m intentra.Message, _ intentra.SendResult) {
		if m.Channel == ControlChannel {
			return
		}
		if priorities[from.Name()] == nil {
			priorities[from.Name()] = map[intentra.Priority]int{}
		}
		priorities[from.Name()][m.Priority]++
	}})
	s := viewer.subscribe(Subscription{Pattern: "robot-1/*"})
	for i := range 50 {
		require.NoError(t, logs.Send([]byte(strings.Repeat("x", 500+i))))
	}
	require.NoError(t, stop.Send([]byte("now")))
	w.pass(5 * time.Second)
	got := s.read()
	require.Len(t, got, 51)
	require.Equal(t, "robot-1/stop now", got[0])
	want := map[intentra.Priority]int{intentra.Low: 50, intentra.Urgent: 1}
	require.Equal(t, map[string]map[intentra.Priority]int{"robot-1": want, "hub": want}, priorities)
}

func TestInvalidOptionsOfATopic(t *testing.T) {
	w := newWorld(t, fleetAccess())
	robot := w.join("robot-1")
	for _, bad := range []Topic{
		{TTL: -1}, {TTL: time.Millisecond - 1}, {TTL: 25 * time.Hour}, {Priority: 7},
	} {
		bad.Name = "pose"
		_, err := robot.DeclareAsync(bad)
		require.ErrorIs(t, err, ErrTopic)
	}
	for _, text := range []string{`"ttl":-1`, `"ttl":86400001`, `"ttl":9223372036854775807`, `"ttl":"1s"`, `"priority":"top"`, `"priority":9`, `"stamp":1`} {
		m, err := decode([]byte(`{"type":"declare","seq":1,"channel":1,"topic":"pose",` + text + `}`))
		if err == nil {
			_, err = m.topic()
		}
		require.Error(t, err, text)
	}
	m, err := decode([]byte(`{"type":"declare","seq":1,"channel":1,"topic":"pose","ttl":200,"priority":"high","stamp":true}`))
	require.NoError(t, err)
	topic, err := m.topic()
	require.NoError(t, err)
	require.Equal(t, Topic{Name: "pose", Intent: intentra.Latest, TTL: 200 * time.Millisecond, Priority: intentra.High, Stamp: true}, topic)
}
