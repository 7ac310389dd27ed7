package dispatch

import (
	"testing"

	"github.com/intentra/intentra/pipeline"
	"github.com/stretchr/testify/require"
)

var (
	sessionA = pipeline.MakeID(1, 1)
	sessionB = pipeline.MakeID(2, 1)
)

func message(session pipeline.ID, intent pipeline.Intent, channel, epoch uint32, counter uint64) *pipeline.Packet {
	return &pipeline.Packet{Session: session, Intent: intent, Channel: channel, EpochSeq: epoch, Counter: counter}
}

func newStage(cfg Config, sessions ...pipeline.ID) *Stage {
	s := New(cfg)
	for _, id := range sessions {
		s.SessionOpened(pipeline.SessionNotice{Session: id})
	}
	return s
}

func TestLatestNeverGoesBackwards(t *testing.T) {
	var got []*pipeline.Packet
	s := newStage(Config{Deliver: func(p *pipeline.Packet) bool { got = append(got, p); return true }}, sessionA, sessionB)
	for _, c := range []struct {
		name string
		p    *pipeline.Packet
		want pipeline.Verdict
	}{
		{"first", message(sessionA, pipeline.Latest, 7, 0, 5), pipeline.Accept},
		{"another of the same packet", message(sessionA, pipeline.Latest, 7, 0, 5), pipeline.Accept},
		{"older", message(sessionA, pipeline.Latest, 7, 0, 4), DropStale},
		{"older, on another channel", message(sessionA, pipeline.Latest, 8, 0, 4), pipeline.Accept},
		{"older, in another session", message(sessionB, pipeline.Latest, 7, 0, 4), pipeline.Accept},
		{"older, Realtime", message(sessionA, pipeline.Realtime, 7, 0, 4), pipeline.Accept},
		{"older, Reliable", message(sessionA, pipeline.Reliable, 7, 0, 4), pipeline.Accept},
		{"of the next epoch", message(sessionA, pipeline.Latest, 7, 1, 0), pipeline.Accept},
		{"of the epoch before", message(sessionA, pipeline.Latest, 7, 0, 1<<28), DropStale},
		{"newer", message(sessionA, pipeline.Latest, 7, 1, 1), pipeline.Accept},
		{"of no session", message(pipeline.MakeID(1, 2), pipeline.Latest, 7, 9, 9), DropStale},
	} {
		got = nil
		require.Equal(t, c.want, s.Process(c.p), c.name)
		if c.want == pipeline.Accept {
			require.Equal(t, []*pipeline.Packet{c.p}, got, c.name)
		} else {
			require.Empty(t, got, c.name)
		}
	}
	s.SessionClosed(pipeline.SessionNotice{Session: sessionA})
	require.Equal(t, DropStale, s.Process(message(sessionA, pipeline.Latest, 7, 2, 0)))
	s.SessionOpened(pipeline.SessionNotice{Session: sessionA})
	require.Equal(t, pipeline.Accept, s.Process(message(sessionA, pipeline.Latest, 7, 0, 0)), "a new session starts empty")
}

func TestRefused(t *testing.T) {
	p := message(sessionA, pipeline.Realtime, 1, 0, 0)
	require.Equal(t, DropRefused, newStage(Config{}, sessionA).Process(p), "Deliver is nil")
	none := newStage(Config{Deliver: func(*pipeline.Packet) bool { return false }}, sessionA)
	require.Equal(t, DropRefused, none.Process(p))
}

func TestChannelsAreLimited(t *testing.T) {
	s := newStage(Config{Deliver: func(*pipeline.Packet) bool { return true }, Channels: 2}, sessionA)
	for channel := range uint32(3) {
		require.Equal(t, pipeline.Accept, s.Process(message(sessionA, pipeline.Latest, channel, 0, uint64(channel)+5)))
	}
	require.Equal(t, DropStale, s.Process(message(sessionA, pipeline.Latest, 9, 0, 4)), "below the floor")
	require.Equal(t, DefaultChannels, New(Config{}).cfg.Channels)
}

func TestReasonsMatchTheConstants(t *testing.T) {
	names := new(Stage).Reasons()
	require.Equal(t, "stale", names[DropStale-pipeline.DropFirst])
	require.Equal(t, "refused", names[DropRefused-pipeline.DropFirst])
	require.Len(t, names, 2)
	require.Equal(t, "dispatch", new(Stage).Name())
}

func TestProcessDoesNotAllocate(t *testing.T) {
	s := newStage(Config{Deliver: func(*pipeline.Packet) bool { return true }}, sessionA)
	p := message(sessionA, pipeline.Latest, 1, 0, 0)
	for p.Channel = range uint32(100) {
		s.Process(p)
	}
	require.Zero(t, testing.AllocsPerRun(1000, func() {
		p.Counter++
		for p.Channel = range uint32(100) {
			s.Process(p)
		}
	}))
}

func BenchmarkProcess(b *testing.B) {
	b.ReportAllocs()
	s := newStage(Config{Deliver: func(*pipeline.Packet) bool { return true }}, sessionA)
	p := message(sessionA, pipeline.Latest, 1, 0, 0)
	for b.Loop() {
		p.Counter++
		p.Channel = uint32(p.Counter % 64)
		s.Process(p)
	}
}

// Latest messages of a session are ordered by epoch and then by counter, over the whole
// range of both.
func TestLatestIsOrderedByEpochAndCounter(t *testing.T) {
	var places [][2]uint64
	for _, epoch := range []uint64{0, 1, 2, 1<<32 - 1} {
		for _, counter := range []uint64{0, 1, 2, 3, 1 << 16, 1<<28 - 2, 1<<28 - 1} {
			places = append(places, [2]uint64{epoch, counter})
		}
	}
	deliver := func(*pipeline.Packet) bool { return true }
	for i, first := range places {
		for j, second := range places {
			s := newStage(Config{Deliver: deliver}, sessionA)
			require.Equal(t, pipeline.Accept, s.Process(message(sessionA, pipeline.Latest, 7, uint32(first[0]), first[1])))
			want := pipeline.Accept
			if j < i {
				want = DropStale
			}
			require.Equal(t, want, s.Process(message(sessionA, pipeline.Latest, 7, uint32(second[0]), second[1])), "%d then %d", first, second)
		}
	}
}

// A message in fragments is as old as the packet in which it began, whichever completes it: it
// precedes the whole messages of that packet, and is delivered once.
func TestMessagesInFragmentsHaveTheirPlace(t *testing.T) {
	s := newStage(Config{Deliver: func(*pipeline.Packet) bool { return true }}, sessionA)
	for _, c := range []struct {
		name           string
		counter, began uint64
		want           pipeline.Verdict
	}{
		{"whole", 5, 0, pipeline.Accept},
		{"began before", 9, 5, DropStale},
		{"began with it", 9, 6, DropStale},
		{"began after it", 9, 7, pipeline.Accept},
		{"again", 9, 7, DropStale},
		{"whole, of the packet in which it began", 6, 0, pipeline.Accept},
		{"again", 6, 0, pipeline.Accept},
		{"of the next epoch", 9, 1<<32 | 1, pipeline.Accept},
		{"whole, of the epoch before", 1<<28 - 1, 0, DropStale},
	} {
		p := message(sessionA, pipeline.Latest, 7, 0, c.counter)
		p.Began = c.began
		require.Equal(t, c.want, s.Process(p), c.name)
	}
}
