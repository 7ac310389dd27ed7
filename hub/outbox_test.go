package hub

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/sim"
)

// Requests of a publisher that exceeds its rate all the time are answered at once, since they
// have a limit of their own, and so are its answers.
func TestControlDoesNotWaitForUpdates(t *testing.T) {
	w := newWorld(t, fleetAccess(), func(c *Config) { c.Limits.Updates = 20 })
	one, two, viewer := w.join("robot-1"), w.join("robot-2"), w.join("viewer")
	viewer.subscribe(Subscription{Pattern: "**"})
	state, log := one.declare(Topic{Name: "state", Intent: intentra.Realtime}), one.declare(Topic{Name: "log", Intent: intentra.Reliable})
	w.pass(second)
	stop := w.Every(10*time.Millisecond, func() {
		require.NoError(t, state.Send(nil))
		require.NoError(t, log.Send(nil))
	})
	w.pass(5 * second)
	before := w.Elapsed()
	one.declare(Topic{Name: "more"})
	s := one.subscribe(Subscription{Pattern: "robot-2/*"}) // takes 100 ms more
	require.Less(t, w.Elapsed()-before, 200*time.Millisecond)
	tick := two.declare(Topic{Name: "tick", Intent: intentra.Realtime})
	w.pass(100 * time.Millisecond) // one confirms the announcement
	require.NoError(t, tick.Send([]byte("1")))
	w.pass(100 * time.Millisecond)
	require.Equal(t, []string{"robot-2/tick 1"}, s.read())
	stop()
	require.Positive(t, w.hub.Stats().Drops[DropUpdates], "too much was published")
}

// A control message gets the first place in a full send queue that becomes free, although the
// program sends updates without end.
func TestControlBeforeUpdates(t *testing.T) {
	w := newWorld(t, fleetAccess())
	one, viewer := w.join("robot-1"), w.join("viewer")
	viewer.subscribe(Subscription{Pattern: "**", Handler: func(Update) {}})
	log := one.declare(Topic{Name: "log", Intent: intentra.Reliable})
	w.pass(second)
	refused := 0
	stop := w.Every(time.Millisecond, func() {
		for log.Send(nil) == nil {
		}
		refused++
	})
	w.pass(300 * time.Millisecond)
	s, err := one.SubscribeAsync(Subscription{Pattern: "*/x"})
	require.NoError(t, err)
	require.NotEmpty(t, one.outbox.waiting, "the queue is full")
	// What is queued, and in flight, takes half a second at the hub.
	_, ok := w.Until(second, func() bool { return closed(s.done) })
	stop()
	require.True(t, ok)
	require.Empty(t, one.outbox.waiting)
	require.Positive(t, refused)
}

// crowd has a client queue as many Reliable updates as fit, and two control messages that do not.
func crowd(w *world, p *peer) *Publication {
	log := p.declare(Topic{Name: "log", Intent: intentra.Reliable})
	w.pass(second)
	w.SetLink(p.node, w.hubNode, sim.Link{Cut: true})
	for log.Send(nil) == nil {
	}
	for i := range 2 {
		_, err := p.SubscribeAsync(Subscription{Pattern: fmt.Sprint("*/", i)})
		require.NoError(w.t, err)
	}
	require.Len(w.t, p.outbox.waiting, 2)
	return log
}

// Each call that sends a Reliable update lets control messages have the room first.
func TestControlFirst(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for name, send := range map[string]func(*Publication){
		"Send":      func(p *Publication) { _ = p.Send(nil) },
		"SendWait":  func(p *Publication) { _ = p.SendWait(ended, nil) },
		"SendAcked": func(p *Publication) { _, _ = p.SendAcked(ended, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, fleetAccess())
			one, viewer := w.join("robot-1"), w.join("viewer")
			viewer.subscribe(Subscription{Pattern: "**"})
			link := w.LinkBetween(one.node, w.hubNode)
			log := crowd(w, one)
			full := one.Peer().Stats().QueuedMessages
			w.SetLink(one.node, w.hubNode, link)
			w.until(func() bool { return one.Peer().Stats().QueuedMessages < full })
			require.Len(t, one.outbox.waiting, 2, "the next attempt is later")
			send(log)
			require.Empty(t, one.outbox.waiting)
		})
	}
}

// A call that waits for control messages goes on once they are sent, and when they are dropped
// because the connection is lost; it ends with its context.
func TestWaitingForControl(t *testing.T) {
	for name, end := range map[string]func(w *world, p *peer, link sim.Link, cancel func()) error{
		"sent": func(w *world, p *peer, link sim.Link, _ func()) error {
			w.SetLink(p.node, w.hubNode, link)
			w.pass(second)
			return nil
		},
		"lost": func(_ *world, p *peer, _ sim.Link, _ func()) error {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.lost()
			return nil
		},
		"ended": func(_ *world, _ *peer, _ sim.Link, cancel func()) error { cancel(); return context.Canceled },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, fleetAccess())
				one, viewer := w.join("robot-1"), w.join("viewer")
				viewer.subscribe(Subscription{Pattern: "**"})
				link := w.LinkBetween(one.node, w.hubNode)
				crowd(w, one)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				done := make(chan error, 1)
				go func() { done <- one.controlFirst(ctx, "SendWait") }()
				synctest.Wait()
				require.Empty(t, done)
				want := end(w, one, link, cancel)
				require.ErrorIs(t, <-done, want)
			})
		})
	}
}
