package conn

import (
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

// checkAll checks every node; see check.
func (w *network) checkAll() {
	w.t.Helper()
	for _, n := range w.nodes {
		n.check()
	}
}

// check looks at what must hold whenever no job is out: each ID that was ever
// handed out is either in use or free, once; and what came in went somewhere.
func (n *node) check() {
	w, e := n.w, n.ep
	w.t.Helper()
	var epochs, sessions, peers []pipeline.ID
	for _, half := range e.halves.byInit {
		epochs = append(epochs, half.index)
	}
	seen := map[*session]bool{}
	note := func(s *session) {
		if s == nil || seen[s] {
			return
		}
		seen[s] = true
		sessions = append(sessions, s.id)
		for _, ep := range s.epochs() {
			epochs = append(epochs, ep.id)
		}
		require.LessOrEqual(w.t, len(s.epochs()), 3)
		// That packets have worn the keys, whenever that was, is seen by and by.
		if s.confirmed && !s.touched && !s.closed && !e.worn(s, s.current, 0) {
			require.LessOrEqual(w.t, s.timer.at, e.sessionDue(s, w.now), "the timer oversleeps")
		}
		if r := &s.rekey; r.active() && e.epochs.Get(r.index) == nil {
			epochs = append(epochs, r.index)
		}
	}
	for _, p := range e.sortedPeers() {
		peers = append(peers, p.id)
		note(p.session)
		if p.dial == nil || p.dial.attempt == nil {
			continue
		}
		a := p.dial.attempt
		switch {
		case a.session == nil:
			epochs = append(epochs, a.index)
		case !a.session.closed:
			note(a.session)
		}
		if a.before != nil && !a.before.closed {
			note(a.before)
		}
	}
	require.Equal(w.t, len(sessions), e.stats.Sessions, "sessions counted")
	checkIDs(w.t, "epoch", &e.epochIDs, epochs)
	checkIDs(w.t, "session", &e.sessionIDs, sessions)
	checkIDs(w.t, "peer", &e.peerIDs, peers)

	e.in.Publish()
	e.out.Publish()
	for _, c := range []pipeline.Counts{e.in.Counts(), e.out.Counts()} {
		packets, messages := c.Packets.Accepted+c.Packets.Consumed, c.Messages.Accepted+c.Messages.Consumed
		for _, d := range c.Drops {
			packets += d.Packets
			messages += d.Messages
		}
		require.Equal(w.t, c.Packets.In, packets, "packets")
		require.Equal(w.t, c.Messages.In, messages, "messages")
	}
	require.Zero(w.t, e.stats.Panics)
}

func checkIDs(t require.TestingT, kind string, all *ids, live []pipeline.ID) {
	where := map[uint32]string{}
	for _, id := range live {
		require.Empty(t, where[id.Number()], "%s ID %d is in use twice", kind, id.Number())
		where[id.Number()] = "in use"
	}
	for _, id := range all.free {
		require.Empty(t, where[id.Number()], "%s ID %d is free, and %s", kind, id.Number(), where[id.Number()])
		where[id.Number()] = "free"
	}
	require.Len(t, where, int(all.next), "%s IDs: some have got lost", kind)
}

// closeAll ends everything, and checks that nothing is left behind.
func (w *network) closeAll() {
	w.t.Helper()
	for _, n := range w.nodes {
		if !n.dead {
			for more := true; more; {
				more = n.ep.Close(wire.CloseShutdown, w.now)
				n.turn()
			}
		}
	}
	w.run(2 * time.Minute)
	for _, n := range w.nodes {
		if n.dead {
			continue
		}
		n.check()
		e := n.ep
		require.Len(w.t, e.epochIDs.free, int(e.epochIDs.next), "epochs left")
		require.Len(w.t, e.sessionIDs.free, int(e.sessionIDs.next), "sessions left")
		require.Empty(w.t, e.peers)
		require.Empty(w.t, e.timers)
		require.Empty(w.t, e.halves.byInit)
		require.Empty(w.t, e.halves.holders.byAddr)
		require.Zero(w.t, e.Stats().HeldBytes)
	}
}
