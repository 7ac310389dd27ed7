package sendq

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/internal/race"
	"github.com/intentra/intentra/internal/seed"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

// A full log accepts nothing more, and works again after it has been read.
func TestLogAtItsLimits(t *testing.T) {
	for name, tc := range map[string]struct {
		readers, size, want int
	}{
		"messages": {1, 0, logMessages},
		"bytes":    {1, 1 << 16, logBytes / (1<<16 + 6)},
		"words":    {4096, 0, logWords / 64},
	} {
		t.Run(name, func(t *testing.T) {
			l := NewLog()
			queues := make([]*Queue, tc.readers)
			for i := range queues {
				queues[i] = New(roomy, l)
				queues[i].SetOnline(true)
			}
			payload := make([]byte, tc.size)
			for round := range rounds(3) {
				n := 0
				for full := false; !full; {
					if full = !l.Begin(&Message{Channel: 1, Intent: pipeline.Realtime, Payload: payload}); full {
						break
					}
					for _, q := range queues {
						full = full || l.To(q) == Full
					}
					l.End()
					if !full {
						n++
					}
				}
				require.Equal(t, tc.want, n, "round %d", round)
				require.LessOrEqual(t, len(l.filling.words), logWords)
				require.LessOrEqual(t, len(l.filling.data), logBytes)
				require.True(t, l.Next())
				require.False(t, l.Next(), "nothing was read")
				for _, q := range queues {
					q.ReadLog(nil, 2*logBytes, true)
				}
				require.Zero(t, l.left)
			}
		})
	}
}

// A reader reads all messages of a batch except for Latest messages that a newer one of
// their channel has superseded.
func TestLogSupersedes(t *testing.T) {
	type sent struct {
		intent  pipeline.Intent
		channel uint32
		payload string
	}
	r := seed.Rand(t)
	for range 300 {
		l := NewLog()
		q := New(roomy, l)
		q.SetOnline(true)
		var want []sent
		for i := range 1 + r.IntN(20) {
			m := sent{pipeline.Realtime + pipeline.Intent(r.IntN(2)), r.Uint32N(4), fmt.Sprint(i)}
			older := slices.IndexFunc(want, func(o sent) bool {
				return m.intent == pipeline.Latest && o.intent == m.intent && o.channel == m.channel
			})
			outcome := Queued
			if older >= 0 {
				want, outcome = slices.Delete(want, older, older+1), Replaced
			}
			want = append(want, m)
			require.True(t, l.Begin(&Message{Channel: m.channel, Intent: m.intent, Payload: []byte(m.payload)}))
			require.Equal(t, outcome, l.To(q))
			l.End()
		}
		require.True(t, l.Next())
		data, read := q.ReadLog(nil, logBytes, true)
		require.Len(t, want, read)
		var got []sent
		for at := 0; at < len(data); {
			var f wire.Frame
			n := f.Parse(data[at:])
			require.Positive(t, n)
			got = append(got, sent{pipeline.Intent(f.Type), f.Channel, string(f.Payload)})
			at += n
		}
		require.Equal(t, want, got)
	}
}

// A queue of a peer that has disconnected counts its messages in the log as given up when
// it closes.
func TestCloseCountsWhatTheLogHolds(t *testing.T) {
	l := NewLog()
	q := New(roomy, l)
	q.SetOnline(true)
	for range 3 {
		require.True(t, l.Begin(&Message{Channel: 1, Intent: pipeline.Realtime}))
		require.Equal(t, Queued, l.To(q))
		l.End()
	}
	q.SetOnline(false)
	require.True(t, l.Next())
	require.Equal(t, 3, q.Close())
	require.False(t, q.Reading())
	flow, waiting := q.Flow()
	require.Equal(t, Flow{Pushed: 3, GivenUp: 3}, flow)
	require.Zero(t, waiting)
}

// The log accepts a message exactly if its frames fit into what is left of logBytes.
func TestLogAcceptsWhatFits(t *testing.T) {
	for _, origin := range []uint64{0, 1 << 40} {
		for _, over := range []int{0, 1} {
			l := NewLog()
			q := New(roomy, l)
			q.SetOnline(true)
			m := &Message{Channel: 1, Intent: pipeline.Realtime, Payload: make([]byte, 60_000)}
			write := func() bool {
				if !l.Begin(m) {
					return false
				}
				require.Equal(t, Queued, l.To(q))
				l.End()
				return true
			}
			for logBytes-len(l.filling.data) > 70_000 {
				require.True(t, write())
			}
			m.Origin, m.Within = origin, 100
			size := wire.MessageSize(wire.FrameRealtime, 1, len(m.Payload)) - len(m.Payload)
			if origin != 0 {
				size += wire.OriginSize(m.Within)
			}
			left := logBytes - len(l.filling.data)
			m.Payload = make([]byte, left-size+over)
			require.Equal(t, over == 0, write(), "origin %d", origin)
			require.Equal(t, over == 0, len(l.filling.data) == logBytes)
		}
	}
}

// A message has at most logReaders readers.
func TestLogReaders(t *testing.T) {
	l := NewLog()
	require.True(t, l.Begin(&Message{Channel: 1, Intent: pipeline.Realtime}))
	for range logReaders {
		q := New(roomy, l)
		q.SetOnline(true)
		require.Equal(t, Queued, l.To(q))
		require.Equal(t, Full, l.To(q), "twice")
	}
	more := New(roomy, l)
	more.SetOnline(true)
	require.Equal(t, Full, l.To(more))
	foreign := New(roomy, NewLog())
	foreign.SetOnline(true)
	require.Equal(t, Offline, l.To(foreign), "a queue of another log")
	require.True(t, l.End())
}

// A message without readers leaves nothing behind, and a closed log accepts none.
func TestLogWithoutReaders(t *testing.T) {
	l := NewLog()
	require.True(t, l.Begin(&Message{Channel: 1, Intent: pipeline.Realtime, Payload: []byte("to none")}))
	require.Equal(t, Offline, l.To(New(roomy, l)))
	require.False(t, l.End())
	require.False(t, l.Pending())
	require.Empty(t, l.filling.data)
	l.Close()
	require.False(t, l.Begin(&Message{Channel: 1, Intent: pipeline.Realtime}))
}

// A message that was pushed after a broadcast which the loop has not seen waits for it.
func TestLogWithholds(t *testing.T) {
	r := newLogRun(t, roomy, 1)
	q := r.readers[0]
	r.write(1, pipeline.Latest, 0, 1)
	require.True(t, r.log.Next())
	r.write(1, pipeline.Latest, 0, 1)
	r.push(q, 1, pipeline.Latest, 0)
	r.flush(q, 100, 10, false)
	require.True(t, q.Withheld())
	require.Empty(t, q.latest, "the first is superseded")
	require.True(t, r.log.Next())
	r.flush(q, 100, 10, false)
	require.False(t, q.Withheld())
	require.Equal(t, uint16(3), q.latest[1])
	f, _ := q.Flow()
	require.Equal(t, Flow{Pushed: 3, Taken: 1, Superseded: 2}, f)
}

// In use, a log takes no new memory, whether its messages are read or spilled.
func TestLogDoesNotAllocate(t *testing.T) {
	if race.Enabled {
		t.Skip("sync.Pool drops items under the race detector")
	}
	for _, spill := range []bool{false, true} {
		l, payload, packet := NewLog(), make([]byte, 100), make([]byte, 0, 8000)
		var queues []*Queue
		for range 100 {
			q := New(roomy, l)
			q.SetOnline(true)
			queues = append(queues, q)
		}
		round := func() {
			for i := range uint32(40) {
				l.Begin(&Message{Channel: i % 20, Intent: pipeline.Latest, Payload: payload})
				for _, q := range queues {
					l.To(q)
				}
				l.End()
			}
			l.Next()
			for _, q := range queues {
				if spill {
					q.Spill()
					take(q, false, func(uint32, pipeline.Intent, []byte) bool { return true })
					continue
				}
				for q.Reading() {
					q.ReadLog(packet, cap(packet), true)
				}
			}
		}
		for range 4 {
			round()
		}
		require.Zero(t, testing.AllocsPerRun(20, round), "spill: %v", spill)
	}
}

func BenchmarkLog(b *testing.B) {
	for _, readers := range []int{16, 250, 4000} {
		b.Run(fmt.Sprint(readers), func(b *testing.B) {
			l, payload, packet := NewLog(), make([]byte, 128), make([]byte, 0, 9000)
			queues := make([]*Queue, readers)
			for i := range queues {
				queues[i] = New(roomy, l)
				queues[i].SetOnline(true)
			}
			b.ReportAllocs()
			for n := 0; n < b.N; {
				for range 64 {
					if !l.Begin(&Message{Channel: 1, Intent: pipeline.Realtime, Payload: payload}) {
						break
					}
					for _, q := range queues {
						l.To(q)
					}
					l.End()
					n += readers
				}
				l.Next()
				for _, q := range queues {
					for q.Reading() {
						q.ReadLog(packet, cap(packet), true)
					}
				}
			}
		})
	}
}
