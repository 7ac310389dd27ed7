package hub

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
)

// A survey returns all topics in pieces, with positions of those that declare them.
func TestSurvey(t *testing.T) {
	w := newWorld(t, fleetAccess())
	one, two, viewer := w.join("robot-1"), w.join("robot-2"), w.join("viewer")
	viewer.subscribe(Subscription{Pattern: "**"})
	layout := &Layout{X: Field{Pointer: "/x"}, Y: Field{Pointer: "/y"}}
	for _, p := range []*peer{one, two} {
		pose := p.declare(Topic{Name: "pose", Encoding: "json", Layout: layout})
		log := p.declare(Topic{Name: "log", Intent: intentra.Reliable})
		w.pass(time.Second)
		require.NoError(t, pose.Send([]byte(`{"x":1.5,"y":-2}`)))
		require.NoError(t, log.Send([]byte("started")))
	}
	w.pass(time.Second)
	var all []TopicState
	for after, rounds := "", 0; ; rounds++ {
		list, now := w.hub.Survey(nil, after, 1)
		if len(list) == 0 {
			require.Equal(t, 4, rounds)
			break
		}
		require.Len(t, list, 1)
		require.Less(t, list[0].Last, now)
		all, after = append(all, list[0]), list[0].Path
	}
	for i, path := range []string{"robot-1/log", "robot-1/pose", "robot-2/log", "robot-2/pose"} {
		s := all[i]
		require.Equal(t, path, s.Path)
		require.Equal(t, path[:7], s.Publisher)
		require.EqualValues(t, 1, s.Updates)
		require.Equal(t, i%2 == 1, s.Located, path)
		require.True(t, math.IsNaN(s.Z))
		if s.Located {
			require.Equal(t, []float64{1.5, -2}, []float64{s.X, s.Y})
		}
	}
	list, _ := w.hub.Survey(all[:1], "", -1)
	require.Len(t, list, 1, "a negative limit selects no topic")
}

// Surveys into the list of the one before give the same as those into a new one, whatever
// has changed, and decode the positions alone that may have.
func TestSurveyOfWhatHasChanged(t *testing.T) {
	w := newWorld(t, fleetAccess())
	one, viewer := w.join("robot-1"), w.join("viewer")
	viewer.subscribe(Subscription{Pattern: "**"})
	layout := &Layout{X: Field{Pointer: "/x"}, Y: Field{Pointer: "/y"}}
	var poses []*Publication
	for i := range 5 {
		poses = append(poses, one.declare(Topic{Name: fmt.Sprintf("pose-%d", i), Encoding: "json", Layout: layout}))
	}
	w.pass(time.Second)
	var list []TopicState
	survey := func(decoded int) {
		t.Helper()
		for i := range list {
			if s := &list[i]; s.Located {
				s.X += 0.25 // a mark: it stays if the position is not decoded
			}
		}
		list, _ = w.hub.Survey(list[:0], "", MaxSurvey)
		fresh, _ := w.hub.Survey(nil, "", MaxSurvey)
		require.Len(t, list, len(fresh))
		for i := range fresh {
			if fresh[i].Located && list[i].X == fresh[i].X {
				decoded--
			}
			list[i].X, list[i].Z, fresh[i].Z = fresh[i].X, 0, 0
			list[i].value, fresh[i].value = nil, nil
		}
		require.Equal(t, fresh, list)
		require.Zero(t, decoded)
	}
	send := func(payload string, poses ...*Publication) {
		for _, p := range poses {
			require.NoError(t, p.Send([]byte(payload)))
		}
		w.pass(time.Second)
	}
	survey(0)
	send(`{"x":1,"y":2}`, poses...)
	survey(5)
	survey(0)
	send(`{"x":3,"y":4}`, poses[1], poses[4])
	survey(2)
	send(`{"x":"none"}`, poses[2])
	survey(0)
	poses[0].Close()
	w.pass(time.Second)
	survey(3) // all have another place, but one has no position
	send(`{"x":5,"y":6}`, poses[2])
	survey(1)
}

// A survey returns at most MaxSurvey topics.
func TestSurveyAtItsCap(t *testing.T) {
	var h Hub
	h.core, h.clock = newCore(Config{}), Clock{}.withDefaults()
	p := &publisher{name: "robot"}
	for i := range MaxSurvey + 1 {
		h.core.topics.add(&topic{path: fmt.Sprintf("robot/%05d", i), publisher: p})
	}
	list, _ := h.Survey(nil, "", math.MaxInt)
	require.Len(t, list, MaxSurvey)
	list, _ = h.Survey(nil, list[MaxSurvey-1].Path, MaxSurvey)
	require.Len(t, list, 1)
}
