package conn

import (
	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/pipeline"
)

// CheckInvariants checks what holds whenever no job is out: each ID that was
// ever handed out is either in use or free, once; sessions are counted; no timer
// is later than what it waits for; no message waits for the acknowledgement of a packet
// under keys that are gone; no more is acknowledged than was in flight; and the chains
// account for what came in.
func (e *Endpoint) CheckInvariants(t require.TestingT, now pipeline.Time) {
	var live liveIDs
	for _, half := range e.halves.byInit {
		live.epochs = append(live.epochs, half.index)
	}
	seen := map[*session]bool{}
	add := func(s *session) {
		if s == nil || seen[s] {
			return
		}
		seen[s] = true
		live.addSession(t, e, s)
		// That packets have worn the keys is noticed with the next one only.
		if s.confirmed && !s.touched && !s.closed && !e.worn(s, s.current, 0) {
			require.LessOrEqual(t, s.timer.At(), e.sessionDue(s, now), "the session's timer is late")
		}
	}
	for _, p := range e.sortedPeers() {
		live.peers = append(live.peers, p.id)
		add(p.session)
		if p.dial == nil || p.dial.search == nil {
			continue
		}
		for _, a := range p.dial.search.attempts {
			switch {
			case a.session == nil:
				live.epochs = append(live.epochs, a.index)
			case !a.session.closed:
				add(a.session)
			}
			if a.before != nil && !a.before.closed {
				add(a.before)
			}
		}
	}
	require.Equal(t, len(live.sessions), e.stats.Sessions, "sessions counted")
	requireIDs(t, "epoch", &e.epochIDs, live.epochs)
	requireIDs(t, "session", &e.sessionIDs, live.sessions)
	requireIDs(t, "peer", &e.peerIDs, live.peers)

	e.in.Publish()
	e.out.Publish()
	for _, c := range []pipeline.Counts{e.in.Counts(), e.out.Counts()} {
		packets, messages := c.Packets.Accepted+c.Packets.Consumed, c.Messages.Accepted+c.Messages.Consumed
		for _, d := range c.Drops {
			packets += d.Packets
			messages += d.Messages
		}
		require.Equal(t, c.Packets.In, packets, "packets")
		require.Equal(t, c.Messages.In, messages, "messages")
	}
	require.Zero(t, e.stats.Panics)
}

// liveIDs are the IDs that an endpoint should be using.
type liveIDs struct{ epochs, sessions, peers []pipeline.ID }

func (live *liveIDs) addSession(t require.TestingT, e *Endpoint, s *session) {
	live.sessions = append(live.sessions, s.id)
	for _, ep := range s.epochs() {
		live.epochs = append(live.epochs, ep.id)
	}
	require.LessOrEqual(t, len(s.epochs()), 3)
	require.GreaterOrEqual(t, s.inFlight, int32(0), "bytes in flight")
	require.Equal(t, lane{window: surelyInFlight}, noLane, "the lane of sessions that have none")
	l, weight, kept := s.lane, 0, 0
	for seq := l.base; seq < l.next; seq++ {
		weight += l.at(seq).weight()
	}
	for i := range l.slots {
		if l.slots[i].whole == nil {
			kept += cap(l.slots[i].payload)
		}
	}
	if weight != int(l.weight) || kept != int(l.kept) { // this is checked very often
		require.Equal(t, [2]int{weight, kept}, [2]int{int(l.weight), int(l.kept)}, "weight in flight, bytes of buffers")
	}
	if l.inFlight() > int(l.window) {
		require.LessOrEqual(t, l.inFlight(), int(l.window))
	}
	for seq := s.lane.base; seq < s.lane.next; seq++ {
		// An acknowledgement of a packet under keys that are gone can never come.
		if m := s.lane.at(seq); !m.acked && !m.lost && m.epoch != 0 {
			require.NotNil(t, e.tracker(s, m.epoch), "message %d waits for the acknowledgement of a packet of a closed epoch", seq)
		}
	}
	if r := &s.rekey; r.active() && e.epochs.Get(r.index) == nil {
		live.epochs = append(live.epochs, r.index)
	}
}

func requireIDs(t require.TestingT, kind string, all *ids, live []pipeline.ID) {
	state := map[uint32]string{}
	for _, id := range live {
		require.Empty(t, state[id.Number()], "%s ID %d is in use twice", kind, id.Number())
		state[id.Number()] = "in use"
	}
	for _, id := range all.free {
		require.Empty(t, state[id.Number()], "%s ID %d is free and also %s", kind, id.Number(), state[id.Number()])
		state[id.Number()] = "free"
	}
	require.Len(t, state, int(all.next), "%s IDs: some are neither in use nor free", kind)
}

// CheckEmpty checks that an endpoint that has been closed, and whose peers have
// been forgotten, holds nothing any more.
func (e *Endpoint) CheckEmpty(t require.TestingT) {
	require.Len(t, e.epochIDs.free, int(e.epochIDs.next), "epochs left")
	require.Len(t, e.sessionIDs.free, int(e.sessionIDs.next), "sessions left")
	require.Empty(t, e.peers)
	require.Zero(t, e.timers.Len())
	require.Empty(t, e.halves.byInit)
	require.Empty(t, e.halves.holders.byAddr)
	require.Zero(t, e.Stats().HeldBytes)
}
