package hub

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
)

// fleetLog is a Fleet that notes the calls of its methods.
type fleetLog struct {
	lines []string
	ids   map[string]uint64
	age   Age // of the latest update
}

func (l *fleetLog) add(format string, args ...any) {
	l.lines = append(l.lines, fmt.Sprintf(format, args...))
}

func (l *fleetLog) PublisherChanged(p Publisher) {
	l.add("%s connected=%v restarts=%d", p.Name, p.Connected, p.Restarts)
}
func (l *fleetLog) PublisherForgotten(intentra.PublicKey) { l.add("forgotten") }
func (l *fleetLog) TopicDeclared(id uint64, _ intentra.PublicKey, t Topic) {
	l.ids[t.Name] = id
	l.add("declared %s", t.Name)
}
func (l *fleetLog) TopicRetracted(id uint64) {
	for name, known := range l.ids {
		if known == id {
			l.add("retracted %s", name)
		}
	}
}
func (l *fleetLog) Published(_ uint64, payload []byte, age Age) {
	l.age = age
	l.add("published %s", payload)
}
func (l *fleetLog) TopicWanted(_ intentra.PublicKey, topic string, wanted bool) {
	l.add("wanted %s=%v", topic, wanted)
}

// take returns what was noted since the last call.
func (l *fleetLog) take() []string {
	lines := l.lines
	l.lines = nil
	return lines
}

func newFleetWorld(t *testing.T) (*world, *fleetLog) {
	l := &fleetLog{ids: make(map[string]uint64)}
	w := newWorld(t, line("robot", "")+line("viewer", "")+line("far", ""), func(c *Config) { c.Fleet = l })
	return w, l
}

func TestFleetLearnsOfLocalTopics(t *testing.T) {
	w, log := newFleetWorld(t)
	robot := w.join("robot")
	pose := robot.declare(Topic{Name: "pose"})
	require.NoError(t, pose.Send([]byte("1")))
	w.pass(time.Second)
	require.Equal(t, []string{"robot connected=true restarts=0", "declared pose"}, log.take())
	require.False(t, pose.Wanted())

	w.hub.Remote(func(r *Remote) { r.Demand(log.ids["pose"], true) })
	w.until(pose.Wanted)
	w.pass(time.Second)
	require.Equal(t, []string{"published 1"}, log.take())
	w.hub.Remote(func(r *Remote) {
		v, _, ok := r.Value(log.ids["pose"])
		require.True(t, ok)
		require.Equal(t, "1", string(v))
		r.Drop(keyOf("robot").Public(), "pose")
		_, _, ok = r.Value(log.ids["pose"])
		require.True(t, ok, "the publisher is connected to this hub")
		r.Demand(log.ids["pose"], false)
	})
	w.until(func() bool { return !pose.Wanted() })
	pose.Close()
	w.pass(time.Second)
	require.Equal(t, []string{"retracted pose"}, log.take())
}

func TestTopicsOfOtherHubs(t *testing.T) {
	w, log := newFleetWorld(t)
	viewer := w.join("viewer")
	s := viewer.subscribe(Subscription{Pattern: "*/pose", Cached: true})
	log.take()
	far := keyOf("far").Public()
	w.hub.Remote(func(r *Remote) {
		require.False(t, r.Declare(far, Topic{Name: "pose", Intent: intentra.Latest}), "its publisher is unknown")
		r.Connect(far, 3)
		require.True(t, r.Declare(far, Topic{Name: "pose", Intent: intentra.Latest}))
		require.False(t, r.Declare(far, Topic{Name: "/"}))
		require.False(t, r.Update(far, "other", nil, Age{}))
	})
	w.pass(time.Second)
	require.Equal(t, []string{"wanted pose=true"}, log.take())
	w.hub.Remote(func(r *Remote) { require.True(t, r.Update(far, "pose", []byte("1"), Age{})) })
	w.pass(time.Second)
	require.Equal(t, []string{"far/pose 1"}, s.read())
	require.True(t, slices.Contains(viewer.seen, Publisher{Name: "far", Key: far, Connected: true, Restarts: 3}))

	// A late subscriber gets the cached value.
	robot := w.join("robot")
	late := robot.subscribe(Subscription{Pattern: "far/*", Cached: true})
	w.pass(time.Second)
	require.Equal(t, []string{"far/pose 1 cached"}, late.read())
	late.Close()
	w.hub.Remote(func(r *Remote) { r.Drop(far, "pose") })
	late = robot.subscribe(Subscription{Pattern: "far/*", Cached: true})
	w.pass(time.Second)
	require.Empty(t, late.read())
	late.Close()
	s.Close()
	w.pass(time.Second)
	require.Equal(t, []string{"robot connected=true restarts=0", "wanted pose=false"}, log.take())

	// The other hub cannot be reached: the topic stays for a while.
	w.hub.Remote(func(r *Remote) {
		r.Disconnect(far)
		require.False(t, r.Update(far, "pose", []byte("2"), Age{}))
	})
	require.False(t, w.hub.Topics()[0].Live)
	w.pass(2 * time.Minute)
	require.Empty(t, w.hub.Topics())
	require.Empty(t, log.take(), "it was never a publisher of this hub")
}

// TestAgesInAFleet: the fleet gets the age of a local update and value, and subscribers the age
// that it gives for those of another hub, with the time since.
func TestAgesInAFleet(t *testing.T) {
	w, log := newFleetWorld(t)
	robot, viewer := w.join("robot"), w.join("viewer")
	pose := robot.declare(Topic{Name: "pose", Stamp: true})
	w.hub.Remote(func(r *Remote) { r.Demand(log.ids["pose"], true) })
	w.until(pose.Wanted)
	w.pass(time.Second)
	sent := w.Elapsed()
	require.NoError(t, pose.Send([]byte("1")))
	w.pass(time.Second)
	require.True(t, log.age.Known)
	require.Positive(t, log.age.Age+log.age.Within)
	require.Less(t, log.age.Age, time.Second)
	w.hub.Remote(func(r *Remote) {
		_, age, ok := r.Value(log.ids["pose"])
		require.True(t, ok && age.Known)
		require.LessOrEqual(t, (age.Age - (w.Elapsed() - sent)).Abs(), age.Within)
	})

	far := keyOf("far").Public()
	w.hub.Remote(func(r *Remote) {
		r.Connect(far, 0)
		require.True(t, r.Declare(far, Topic{Name: "pose", Intent: intentra.Latest, Stamp: true}))
	})
	var got []Update
	viewer.subscribe(Subscription{Pattern: "far/pose", Cached: true, Handler: func(u Update) { got = append(got, u) }})
	w.pass(time.Second)
	w.hub.Remote(func(r *Remote) {
		require.True(t, r.Update(far, "pose", []byte("1"), Age{true, time.Hour, time.Millisecond}))
	})
	w.pass(time.Second)
	w.hub.Remote(func(r *Remote) { require.True(t, r.Update(far, "pose", []byte("2"), Age{})) })
	w.pass(time.Second)
	require.Len(t, got, 2)
	require.True(t, got[0].Stamp)
	require.InDelta(t, time.Hour, got[0].Age, float64(100*time.Millisecond))
	require.GreaterOrEqual(t, got[0].Within, time.Millisecond)
	require.False(t, got[1].Stamp)
}

// TestPublisherMoves: subscribers keep the channel of a topic whose publisher moves to
// another hub and back.
func TestPublisherMoves(t *testing.T) {
	w, log := newFleetWorld(t)
	robot, viewer := w.join("robot"), w.join("viewer")
	pose := robot.declare(Topic{Name: "pose"})
	s := viewer.subscribe(Subscription{Pattern: "*/pose"})
	require.NoError(t, pose.Send([]byte("1")))
	w.pass(time.Second)
	log.take()

	key := keyOf("robot").Public()
	w.hub.Remote(func(r *Remote) {
		require.False(t, r.Connect(key, 0), "it is connected to this hub")
		r.Replace(key)
		require.True(t, r.Connect(key, 0))
		require.True(t, r.Declare(key, Topic{Name: "pose", Intent: intentra.Latest}))
		require.True(t, r.Update(key, "pose", []byte("2"), Age{}))
	})
	require.Equal(t, []string{"retracted pose", "wanted pose=true"}, log.take())
	w.pass(time.Second)
	require.Equal(t, []string{"robot/pose 2"}, s.read(), "the newest")
	require.Equal(t, net.ErrClosed, errors.Unwrap(robot.Peer().Err()), "its process stops dialling")

	w.hub.Remote(func(r *Remote) { require.True(t, r.Update(key, "pose", []byte("3"), Age{})) })
	w.pass(time.Second)
	require.Equal(t, []string{"robot/pose 3"}, s.read())
	for _, p := range w.hub.Publishers() {
		require.True(t, p.Connected, p.Name)
	}
}

// TestRenamedWhileElsewhere: the topics of a publisher at another hub get the paths of its
// new name.
func TestRenamedWhileElsewhere(t *testing.T) {
	w, _ := newFleetWorld(t)
	far := keyOf("far").Public()
	w.hub.Remote(func(r *Remote) {
		r.Connect(far, 0)
		require.True(t, r.Declare(far, Topic{Name: "pose", Intent: intentra.Latest}))
	})
	w.hub.SetAccess(w.parse(line("distant", "") + fmt.Sprintf("%s near\n", far)))
	require.Equal(t, "near/pose", w.hub.Topics()[0].Path)
	w.hub.SetAccess(w.parse(line("robot", "")))
	require.Empty(t, w.hub.Topics())
}

// TestFleetLearnsOfPeersThatGreet: a session on which no hello has come counts neither for the
// fleet nor for topics of the publisher at another hub, however it ends.
func TestFleetLearnsOfPeersThatGreet(t *testing.T) {
	for _, greets := range []bool{true, false} {
		w, log := newFleetWorld(t)
		viewer := w.join("viewer")
		s := viewer.subscribe(Subscription{Pattern: "*/pose"})
		mute, err := w.Program("robot", netip.AddrPort{}, func() intentra.Config { return intentra.Config{Key: keyOf("robot")} })
		require.NoError(t, err)
		require.NoError(t, mute.Dial(keyOf("hub").Public()))
		w.pass(time.Second)
		require.Equal(t, 2, w.hub.Stats().Members)
		require.Equal(t, []string{"viewer connected=true restarts=0"}, log.take())
		key := keyOf("robot").Public()
		update := func(want bool) {
			w.hub.Remote(func(r *Remote) {
				require.Equal(t, want, r.Connect(key, 0))
				require.Equal(t, want, r.Declare(key, Topic{Name: "pose", Intent: intentra.Latest}))
				require.Equal(t, want, r.Update(key, "pose", []byte("1"), Age{}))
			})
			w.pass(time.Second)
		}
		update(true)
		require.Equal(t, []string{"robot/pose 1"}, s.read())
		require.Equal(t, []string{"wanted pose=true"}, log.take())
		if greets {
			at, ok := mute.Peer(keyOf("hub").Public())
			require.True(t, ok)
			at.Send(intentra.Message{Channel: ControlChannel, Intent: intentra.Reliable, Payload: []byte(`{"type":"hello","seq":1}`)})
			w.pass(time.Second)
			require.Equal(t, []string{"wanted pose=false", "robot connected=true restarts=0"}, log.take())
			update(false)
			continue
		}
		w.hub.Remote(func(r *Remote) { r.Disconnect(key) })
		w.pass(2 * time.Minute) // it is forgotten, and its session goes on
		require.NotContains(t, w.hub.core.publishers, key)
		require.NoError(t, mute.Restart())
		w.pass(3 * time.Minute)
		require.Empty(t, w.hub.Topics())
		require.NotContains(t, w.hub.core.publishers, key)
	}
}
