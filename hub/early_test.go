package hub

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/sim"
)

// gaps reads a stream, and returns the payloads; those after a gap begin with "gap ".
func (s *Stream) gaps() (all []string) {
	for {
		u, ok, _ := s.Poll()
		if !ok {
			return all
		}
		text := string(u.Payload)
		if u.Gap {
			text = "gap " + text
		}
		all = append(all, text)
	}
}

const declareLog = `{"type":"declare","seq":%d,"channel":7,"topic":"log","intent":"reliable"}`

// Subscribers learn of Reliable updates that the hub has acknowledged, and dropped because
// their channel was not declared in time: there were too many, it took too long, or the
// connection of the publisher ended before.
func TestDroppedBeforeDeclaration(t *testing.T) {
	for name, interrupt := range map[string]func(w *world, p *peer){
		"too many": func(w *world, p *peer) {
			for range heldUpdates {
				p.raw(7, intentra.Reliable, "more")
			}
			w.pass(second)
		},
		"too late": func(w *world, _ *peer) { w.pass(heldTime) },
		"reconnect": func(w *world, p *peer) {
			p.node.ClosePeer(keyOf("hub").Public(), intentra.CloseNormal)
			w.pass(second)
			require.NoError(w.t, p.node.Dial(keyOf("hub").Public()))
			w.pass(second)
		},
		"given up": func(w *world, p *peer) {
			hub, _ := p.node.Peer(keyOf("hub").Public())
			hub.Send(intentra.Message{Channel: 7, Intent: intentra.Reliable, TTL: -1})
			w.pass(second)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, fleetAccess())
			one, viewer := w.join("robot-1"), w.join("viewer")
			s := viewer.subscribe(Subscription{Pattern: "**"})
			one.raw(7, intentra.Reliable, "early")
			w.pass(second)
			interrupt(w, one)
			one.raw(ControlChannel, intentra.Reliable, fmt.Sprintf(declareLog, 100))
			w.pass(second)
			s.gaps()
			one.raw(7, intentra.Reliable, "next")
			one.raw(7, intentra.Reliable, "last")
			w.pass(second)
			require.Equal(t, []string{"gap next", "last"}, s.gaps())
			w.consistent()
		})
	}
}

// Updates that wait for their declaration outlast a new name of their publisher.
func TestHeldUpdatesOverRename(t *testing.T) {
	w := newWorld(t, fleetAccess())
	one, viewer := w.join("robot-1"), w.join("viewer")
	s := viewer.subscribe(Subscription{Pattern: "**"})
	one.raw(7, intentra.Reliable, "early")
	w.pass(second)
	list := line("robot-2", "") + line("viewer", "")
	w.hub.SetAccess(w.parse(keyOf("robot-1").Public().String() + " scout\n" + list))
	w.pass(second)
	one.raw(ControlChannel, intentra.Reliable, fmt.Sprintf(declareLog, 100))
	w.pass(second)
	require.Equal(t, []string{"scout/log early"}, s.read())
	w.consistent()
}

// A notice of missing updates keeps its place among updates that the budget delays.
func TestGapAfterDelayedUpdates(t *testing.T) {
	w := newWorld(t, fleetAccess(), func(c *Config) { c.Limits = Limits{Updates: 100} })
	one, viewer := w.join("robot-1"), w.join("viewer")
	s := viewer.subscribe(Subscription{Pattern: "**"})
	for i := range 30 {
		one.raw(7, intentra.Reliable, fmt.Sprint(i))
	}
	hub, _ := one.node.Peer(keyOf("hub").Public())
	hub.Send(intentra.Message{Channel: 7, Intent: intentra.Reliable, TTL: -1})
	one.raw(7, intentra.Reliable, "next")
	w.pass(4 * second)
	one.raw(ControlChannel, intentra.Reliable, fmt.Sprintf(declareLog, 100))
	w.pass(5 * second)
	got := s.gaps()
	require.Len(t, got, 31)
	require.Equal(t, "0", got[0])
	require.Equal(t, []string{"29", "gap next"}, got[29:])
}

// The channels on which updates were dropped are remembered up to a limit; beyond it, every
// one may have lost something.
func TestGapsAreBounded(t *testing.T) {
	var g gaps
	for i := range uint32(maxGaps) {
		g.add(i)
		g.add(i)
	}
	require.True(t, g.take(7))
	require.False(t, g.take(7))
	require.False(t, g.take(maxGaps))
	g.add(7)
	g.add(maxGaps + 1)
	require.True(t, g.take(maxGaps))
	require.Empty(t, g.channels)
}

// A notice comes before updates that followed the dropped ones, also if these wait for the
// subscribers of their topic.
func TestGapBeforeHeldUpdates(t *testing.T) {
	w := newWorld(t, fleetAccess())
	one, viewer := w.join("robot-1"), w.join("viewer")
	s := viewer.subscribe(Subscription{Pattern: "**"})
	w.pass(heldTime)
	one.raw(7, intentra.Reliable, "dropped")
	w.pass(second)
	w.SetLinks(w.hubNode, viewer.node, sim.Link{Delay: 200 * time.Millisecond})
	one.raw(ControlChannel, intentra.Reliable, fmt.Sprintf(declareLog, 100))
	one.raw(7, intentra.Reliable, "first")
	one.raw(7, intentra.Reliable, "second")
	w.pass(2 * second)
	one.raw(7, intentra.Reliable, "third")
	w.pass(second)
	require.Equal(t, []string{"gap first", "second", "third"}, s.gaps())
	require.EqualValues(t, 1, w.hub.Stats().Drops[DropUndeclared])
	require.Empty(t, w.hub.core.publishers[one.node.Key()].gaps.channels)
}

// Notices that wait for a declaration are not counted as drops once more, and are not lost.
func TestHeldNotices(t *testing.T) {
	w := newWorld(t, fleetAccess())
	one := w.join("robot-1")
	w.pass(heldTime)
	one.raw(7, intentra.Reliable, "dropped")
	w.pass(second)
	one.raw(ControlChannel, intentra.Reliable, `{"type":"hello","seq":100,"version":1}`)
	w.pass(second)
	one.raw(7, intentra.Reliable, "held")
	w.pass(second)
	pub := w.hub.core.publishers[one.node.Key()]
	require.Len(t, pub.member.held, 2)
	require.Empty(t, pub.gaps.channels)
	w.pass(heldTime)
	require.Empty(t, pub.member.held)
	require.True(t, pub.gaps.has(7))
	require.EqualValues(t, 2, w.hub.Stats().Drops[DropUndeclared])
}

// A stream that a client opens right after it has closed its only other one of a topic reads
// updates from before and after the time in which the hub knew of no subscription. It learns that
// those of that time are missing.
func TestGapBetweenSubscriptions(t *testing.T) {
	w := newWorld(t, fleetAccess())
	one, two, viewer := w.join("robot-1"), w.join("robot-2"), w.join("viewer")
	two.subscribe(Subscription{Pattern: "**", Buffer: 10_000}) // so that all are sent
	log := one.declare(Topic{Name: "log", Intent: intentra.Reliable})
	first := viewer.subscribe(Subscription{Pattern: "**"})
	n := 0
	stop := w.Every(time.Millisecond, func() { n++; require.NoError(t, log.Send(fmt.Append(nil, n))) })
	w.pass(50 * time.Millisecond)
	first.Close()
	again, err := viewer.SubscribeAsync(Subscription{Pattern: "*/log"})
	require.NoError(t, err)
	w.pass(50 * time.Millisecond)
	stop()
	w.pass(50 * time.Millisecond)
	last, gaps := 0, 0
	for _, u := range again.gaps() {
		number, gap := strings.CutPrefix(u, "gap ")
		next, err := strconv.Atoi(number)
		require.NoError(t, err)
		require.Equal(t, gap, last > 0 && next != last+1, "%d after %d", next, last)
		if last = next; gap {
			gaps++
		}
	}
	require.Equal(t, n, last)
	require.Equal(t, 1, gaps)
}

// A client that subscribes again before the hub has had room for the retraction learns of the
// updates that it has missed.
func TestGapWithoutRetraction(t *testing.T) {
	w := newWorld(t, fleetAccess())
	one, two, viewer := w.join("robot-1"), w.join("robot-2"), w.join("viewer")
	two.subscribe(Subscription{Pattern: "**"})
	log := one.declare(Topic{Name: "log", Intent: intentra.Reliable})
	first := viewer.subscribe(Subscription{Pattern: "**"})
	m := w.hub.core.publishers[viewer.node.Key()].member
	free := m.bulk
	m.bulk.messages = 1 << 20 // there is no room for retractions
	first.Close()
	w.pass(100 * time.Millisecond)
	require.NoError(t, log.Send([]byte("missed")))
	w.pass(100 * time.Millisecond)
	again := viewer.subscribe(Subscription{Pattern: "*/log"})
	m.bulk = free
	require.NoError(t, log.Send([]byte("next")))
	require.NoError(t, log.Send([]byte("last")))
	w.pass(100 * time.Millisecond)
	require.Equal(t, []string{"gap next", "last"}, again.gaps())
}
