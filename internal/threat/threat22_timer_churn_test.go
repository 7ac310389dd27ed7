package threat

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/wire"
)

// churner is a malicious peer each of whose packets postpones two deadlines of the
// hub: the idle timeout, and an acknowledgement.
type churner struct{ *maliciousPeer }

func (c churner) reset(n int) {
	for range n {
		c.send(wire.AppendPing(nil))
	}
}

// timers observes the hub's timers and counts how often those of sessions move.
type timers struct {
	s      *scene
	at     map[uintptr]int64
	others int // maximum number of timers that belong to no session
	moves  int
}

func (m *timers) look() {
	heap := inside(m.s.t, m.s.hub.Endpoint(), "timers", "nodes")
	sessions := 0
	for i := range heap.Len() {
		timer := heap.Index(i)
		if owner := timer.Elem().FieldByName("Value"); owner.Elem().Type().String() != "*conn.session" {
			continue
		}
		sessions++
		at := timer.Elem().FieldByName("at").Int()
		if was, ok := m.at[timer.Pointer()]; ok && was != at {
			m.moves++
		}
		m.at[timer.Pointer()] = at
	}
	require.Equal(m.s.t, m.s.hub.Stats().Sessions, sessions, "one timer for each session")
	m.others = max(m.others, heap.Len()-sessions)
}

// Under 10^6 resets each session has one timer, which moves as often as under a
// tenth of the resets: when an acknowledgement falls due and when it has been sent.
// FuzzHeap in internal/heap tests that the heap of timers is correct.
func TestThreat22TimerChurn(t *testing.T) {
	const each = 5 * time.Millisecond
	n, perPeer := 25, 40_000 // in 5 s, which is within the rate limit
	if size(10) < 10 {
		n, perPeer = 3, 10_000
	}
	var m *timers
	churn := func(perPeer int) func(s *scene) {
		batch := perPeer / int(honestTime/each)
		return func(s *scene) {
			m = &timers{s: s, at: map[uintptr]int64{}}
			for _, c := range s.maliciousPeers(n, intentra.Config{}) {
				s.Every(each, func() { churner{c}.reset(min(batch, perPeer-c.sent)) })
			}
			s.Every(each, m.look)
		}
	}
	s, baseline, attacked := underAttack(t, 22, churn(perPeer))
	moves, stats := m.moves, s.hub.Stats()
	_, _, _ = underAttack(t, 22, churn(perPeer/10))
	require.Equal(t, m.moves, moves, "moves with ten times as many resets")
	require.LessOrEqual(t, uint64(moves), 2*stats.PacketsOut)
	require.LessOrEqual(t, m.others, 1, "peers without a session share one timer")
	require.Equal(t, len(s.peers)+n, stats.Sessions)
	require.Zero(t, closes(stats))
	require.Equal(t, baseline, attacked)
	report(t, 22, "%d resets by %d peers: one timer a session, %d timers for %d sessions, which have moved %d times, as with a tenth of the resets; honest delivery %s without, %s with",
		n*perPeer, n, stats.Sessions+m.others, stats.Sessions, moves, percent(baseline), percent(attacked))
}
