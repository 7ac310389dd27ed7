package sim

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/internal/race"
	"github.com/intentra/intentra/pipeline"
)

func TestRunMovesTheClock(t *testing.T) {
	w := New(7)
	require.EqualValues(t, time.Hour, w.Now())
	require.NoError(t, w.Run(3*time.Second))
	require.Equal(t, 3*time.Second, w.Elapsed())
	require.NoError(t, w.Run(-time.Second))
	require.Equal(t, 3*time.Second, w.Elapsed())
	require.EqualValues(t, 7, w.Seed())
}

func TestAfterInOrder(t *testing.T) {
	w := New(1)
	var order string
	say := func(s string) func() { return func() { order += s } }
	w.After(2*time.Second, say("d"))
	w.After(time.Second, say("b"))
	w.After(time.Second, say("c"))
	w.After(-time.Second, say("a"))
	w.After(3*time.Second, say("e"))
	require.NoError(t, w.Run(2*time.Second))
	require.Equal(t, "abcd", order)
	require.NoError(t, w.Run(time.Second))
	require.Equal(t, "abcde", order)
}

func TestEvery(t *testing.T) {
	w := New(1)
	var at []time.Duration
	var stop func()
	stop = w.Every(time.Second, func() {
		at = append(at, w.Elapsed())
		if len(at) == 3 {
			stop()
		}
	})
	require.NoError(t, w.Run(10*time.Second))
	require.Equal(t, []time.Duration{time.Second, 2 * time.Second, 3 * time.Second}, at)
	require.Panics(t, func() { w.Every(0, func() {}) })
}

func TestUntil(t *testing.T) {
	w := New(1)
	done := false
	w.After(time.Second, func() { done = true })
	took, ok := w.Until(time.Minute, func() bool { return done })
	require.True(t, ok)
	require.Equal(t, time.Second, took)
	took, ok = w.Until(time.Minute, func() bool { return false })
	require.False(t, ok)
	require.Equal(t, time.Minute, took)
	took, ok = w.Until(time.Minute, func() bool { return true })
	require.True(t, ok)
	require.Zero(t, took)
}

func TestStandstill(t *testing.T) {
	w := New(1)
	var again func()
	again = func() { w.After(0, again) }
	w.After(time.Second, again)
	require.ErrorIs(t, w.Run(time.Minute), ErrStandstill)
	require.Equal(t, time.Second, w.Elapsed())
	require.ErrorIs(t, w.Run(time.Minute), ErrStandstill, "the error stays")
	require.ErrorContains(t, w.Err(), "sim: seed 1, after 1s: ")
}

// Any number of steps is allowed while the clock moves.
func TestNoStandstill(t *testing.T) {
	race.SkipHistory(t)
	w := New(1)
	w.Every(1, func() {})
	w.Every(1, func() {}) // every nanosecond
	require.NoError(t, w.Run(mostStill+10))
}

// A missing argument panics in the call without it.
func TestMissingArguments(t *testing.T) {
	w, stranger := New(1), New(2).node(t, "a")
	n := w.node(t, "a")
	for message, do := range map[string]func(){
		"sim: After needs a function":            func() { w.After(0, nil) },
		"sim: Every needs a function":            func() { w.Every(1, nil) },
		"sim: Every needs a positive duration":   func() { w.Every(0, func() {}) },
		"sim: Fail needs an error":               func() { w.Fail(nil) },
		"sim: Tap needs a function":              func() { w.Tap(nil) },
		"sim: Check needs a Checker":             func() { w.Check("none", nil) },
		"sim: Record needs a positive limit":     func() { w.Record(0) },
		"sim: Do needs a function":               func() { n.Do(nil) },
		"sim: SetLink needs nodes of its own":    func() { w.SetLink(nil, n, Link{}) },
		"sim: SetLink needs nodes of its own w":  func() { w.SetLinks(n, nil, Link{}) },
		"sim: SetLink needs nodes of its own wo": func() { w.SetLink(n, stranger, Link{}) },
		"sim: LinkBetween needs nodes":           func() { w.LinkBetween(stranger, n) },
		"sim: Partition needs nodes":             func() { w.Partition([]*Node{n, nil}) },
	} {
		panicked := func() (text string) {
			defer func() { text = fmt.Sprint(recover()) }()
			do()
			return ""
		}()
		require.Contains(t, panicked, message)
	}
	require.NoError(t, w.Run(time.Second), "no call had an effect")
	w.SetLink(n, nil, Link{Cut: true})
	require.True(t, w.LinkBetween(n, nil).Cut)
}

func TestRunWithinRun(t *testing.T) {
	w := New(1)
	w.After(0, func() { require.Panics(t, func() { _ = w.Run(time.Second) }) })
	require.NoError(t, w.Run(time.Second))
}

// A checker is called after each step, with the nodes of the step, and its error
// ends the run in that step.
func TestChecker(t *testing.T) {
	bad := errors.New("bad")
	w := New(5)
	a, b := w.pair(t)
	c := w.node(t, "c")
	stepped := map[*Node]int{}
	asked, limit := 0, 1<<30
	w.Check("mine", func(w *World) error {
		asked++
		for _, n := range w.Stepped() {
			stepped[n]++
		}
		if asked == limit {
			return bad
		}
		return nil
	})
	w.After(time.Second, func() {
		for _, n := range []*Node{a, b, a} {
			n.Do(func(*conn.Endpoint, pipeline.Time) {})
		}
		require.Equal(t, []*Node{a, b}, w.Stepped(), "each node once")
	})
	require.NoError(t, w.Run(10*time.Second))
	require.Positive(t, stepped[a])
	require.Positive(t, stepped[b])
	require.Zero(t, stepped[c])

	limit = asked + 3
	before := w.Elapsed()
	err := w.Run(time.Minute)
	require.ErrorIs(t, err, bad)
	require.ErrorContains(t, err, "sim: seed 5, after ")
	require.ErrorContains(t, err, ": mine: bad")
	require.Equal(t, limit, asked)
	require.Less(t, w.Elapsed()-before, time.Minute)
	_, ok := w.Until(time.Minute, func() bool { return true })
	require.False(t, ok)
	w.Fail(errors.New("later"))
	require.ErrorIs(t, w.Err(), bad, "the first error stays")
}

func TestConservationFindsLosses(t *testing.T) {
	for name, lose := range map[string]func(a, b *Node){
		"datagrams that arrived": func(_, b *Node) { b.proc.received++ },
		"link from a to b":       func(a, b *Node) { a.w.byEnds[ends{a, b}].stats.Arrived++ },
		"link from  to ":         func(a, _ *Node) { a.w.injected.stats.Missed++ },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 1)
			a, b := w.pair(t)
			w.Inject(a.Addr(), b.Addr(), []byte("x"), time.Second)
			lose(a, b)
			a.Send(b.Key(), message("x"))
			err := w.Run(time.Minute)
			require.ErrorIs(t, err, ErrConservation)
			require.ErrorContains(t, err, name)
		})
	}
	for _, c := range []pipeline.Counts{
		{Packets: pipeline.Tally{In: 3, Accepted: 1, Consumed: 1}},
		{Messages: pipeline.Tally{In: 1, Accepted: 1}, Drops: []pipeline.DropCount{{Messages: 1}}},
	} {
		require.ErrorIs(t, conserved(&c), ErrConservation)
	}
	require.NoError(t, conserved(&pipeline.Counts{
		Packets: pipeline.Tally{In: 3, Accepted: 1, Consumed: 1}, Messages: pipeline.Tally{In: 2, Consumed: 1},
		Drops: []pipeline.DropCount{{Messages: 1}, {Packets: 1}},
	}))
}
