package pipeline_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	. "github.com/intentra/intentra/pipeline"

	"github.com/intentra/intentra/internal/seed"
)

func TestID(t *testing.T) {
	for _, num := range []uint32{0, 1, 12345, MaxIDs - 1} {
		for _, gen := range []uint8{1, 2, 255} {
			id := MakeID(num, gen)
			require.NotZero(t, id)
			require.Equal(t, num, id.Number())
			require.Equal(t, gen, id.Generation())
			require.Zero(t, id>>28, "reserved for the event loop")
		}
	}
	require.Panics(t, func() { MakeID(MaxIDs, 1) })
	require.Panics(t, func() { MakeID(5, 0) })
}

func TestSlots(t *testing.T) {
	var s Slots[string]
	old, id := MakeID(70, 1), MakeID(70, 2)
	require.Nil(t, s.Get(old), "the zero value is ready")
	s.Close(old)

	*s.Open(old) = "old"
	require.Equal(t, "old", *s.Get(old))
	require.Nil(t, s.Get(id), "another generation")
	require.Nil(t, s.Get(MakeID(71, 1)), "a neighbour on the same page")
	require.Nil(t, s.Get(MakeID(1, 1)), "a page that does not exist")
	require.Nil(t, s.Get(old|1<<28), "another event loop's")

	s.Close(id)
	require.Equal(t, "old", *s.Get(old), "closing another generation does nothing")
	s.Close(old)
	require.Nil(t, s.Get(old))
	s.Close(old)

	require.Empty(t, *s.Open(id), "a new holder starts with the zero value")
	*s.Get(id) = "new"
	require.Nil(t, s.Get(old))
	require.Empty(t, *s.Open(old), "also if the number was not closed")
	require.Nil(t, s.Get(id))
}

func TestSlotsZeroID(t *testing.T) {
	var s Slots[int]
	require.Nil(t, s.Get(0))
	s.Open(MakeID(1, 1))
	require.Nil(t, s.Get(0), "although number 0 has room on a page")
	s.Close(0)
	*s.Open(MakeID(0, 1)) = 7
	require.Nil(t, s.Get(0), "identifies nothing, although number 0 is live")
	s.Close(0)
	require.Equal(t, 7, *s.Get(MakeID(0, 1)))
}

// At the cap: the largest number works, and is reopened without allocating.
func TestSlotsCap(t *testing.T) {
	var s Slots[[64]byte]
	last := MakeID(MaxIDs-1, 255)
	s.Open(last)[63] = 1
	require.Equal(t, byte(1), s.Get(last)[63])
	require.Nil(t, s.Get(MakeID(MaxIDs/2, 255)))
	require.Zero(t, testing.AllocsPerRun(10, func() { s.Close(last); s.Open(last) }), "a page is reused")
}

// A value does not move while others open and close.
func TestSlotsPointersAreStable(t *testing.T) {
	var s Slots[int]
	held := map[ID]*int{}
	for n := range uint32(5000) {
		id := MakeID(n, 1)
		p := s.Open(id)
		*p = int(n)
		if n%7 == 0 {
			held[id] = p
		} else if n%7 == 3 {
			s.Close(id)
		}
	}
	for id, p := range held {
		require.Same(t, p, s.Get(id))
		require.Equal(t, int(id.Number()), *p)
	}
}

// Slots behave like a map, in any order of opening and closing.
func TestSlotsAgainstMap(t *testing.T) {
	r := seed.Rand(t)
	var s Slots[int]
	model := map[uint32]ID{}
	values := map[ID]int{}
	for i := range 20000 {
		id := MakeID(uint32(r.IntN(200)), uint8(1+r.IntN(3)))
		n := id.Number()
		switch r.IntN(3) {
		case 0:
			delete(values, model[n])
			model[n] = id
			values[id] = i
			*s.Open(id) = i
		case 1:
			if model[n] == id {
				delete(model, n)
				delete(values, id)
			}
			s.Close(id)
		}
		v, live := values[id]
		got := s.Get(id)
		require.Equal(t, live, got != nil)
		if live {
			require.Equal(t, v, *got)
		}
	}
}

type lastSeen struct{ count int }

// counting keeps a count for each session, and drops from the third on.
type counting struct{ PerSession[lastSeen] }

func (*counting) Name() string      { return "counting" }
func (*counting) Reasons() []string { return []string{"no_session", "third"} }
func (s *counting) Process(p *Packet) Verdict {
	st := s.State(p)
	if st == nil {
		return DropFirst
	}
	if st.count++; st.count >= 3 {
		return DropFirst + 1
	}
	return Accept
}

func TestPerSession(t *testing.T) {
	c := inbound(t, new(counting))
	run := func(id ID) Verdict { return c.Process(&Packet{Session: id}) }
	one, two, again := MakeID(1, 1), MakeID(2, 1), MakeID(1, 2)
	require.Equal(t, DropFirst, run(0))
	require.Equal(t, DropFirst, run(one))

	c.OpenSession(SessionNotice{Session: one})
	c.OpenSession(SessionNotice{Session: two})
	for _, want := range []Verdict{Accept, Accept, DropFirst + 1} {
		require.Equal(t, want, run(one))
	}
	require.Equal(t, Accept, run(two), "each session has its own state")

	c.CloseSession(SessionNotice{Session: one})
	require.Equal(t, DropFirst, run(one))
	c.OpenSession(SessionNotice{Session: again})
	require.Equal(t, Accept, run(again), "starts with the zero value")
	require.Equal(t, DropFirst, run(one))
	require.Equal(t, Accept, run(two))
}

// observer records its notices.
type observer struct {
	Stage
	got []any
}

func (o *observer) PeerOpened(n PeerNotice)       { o.got = append(o.got, "open", n) }
func (o *observer) PeerClosed(n PeerNotice)       { o.got = append(o.got, "close", n) }
func (o *observer) SessionOpened(n SessionNotice) { o.got = append(o.got, "open", n) }
func (o *observer) SessionClosed(n SessionNotice) { o.got = append(o.got, "close", n) }
func (o *observer) EpochOpened(n EpochNotice)     { o.got = append(o.got, "open", n) }
func (o *observer) EpochClosed(n EpochNotice)     { o.got = append(o.got, "close", n) }

func TestNotices(t *testing.T) {
	a, b := &observer{Stage: accept("a")}, &observer{Stage: accept("b")}
	c := inbound(t, a, accept("other"), b)
	p := PeerNotice{Peer: 1, Key: [32]byte{5}}
	s := SessionNotice{Peer: 1, Session: 2}
	e := EpochNotice{Peer: 1, Session: 2, Epoch: 3, Seq: 4}
	c.OpenPeer(p)
	c.OpenSession(s)
	c.OpenEpoch(e)
	c.CloseEpoch(e)
	c.CloseSession(s)
	c.ClosePeer(p)
	want := []any{"open", p, "open", s, "open", e, "close", e, "close", s, "close", p}
	require.Equal(t, want, a.got)
	require.Equal(t, want, b.got)
}
