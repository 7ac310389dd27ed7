package sendq

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/pipeline"
)

// A message releases its share once, for whatever reason it leaves the queue.
func TestSharesAreReleased(t *testing.T) {
	takeAll := func(q *Queue) {
		for _, reliable := range []bool{false, true} {
			take(q, reliable, func(uint32, pipeline.Intent, []byte) bool { return true })
		}
	}
	for _, tc := range []struct {
		name   string
		intent pipeline.Intent
		leave  func(q *Queue)
	}{
		{"taken", pipeline.Realtime, takeAll},
		{"taken reliable", pipeline.Reliable, takeAll},
		{"superseded", pipeline.Latest, func(q *Queue) { push(q, 1, pipeline.Latest, []byte("newer")) }},
		{"superseded by a longer one", pipeline.Latest, func(q *Queue) { push(q, 1, pipeline.Latest, make([]byte, 90)) }},
		{"superseded by a shared one", pipeline.Latest, func(q *Queue) {
			pushShared(q, 1, pipeline.Latest, NewPayload([]byte("newer"), 1))
		}},
		{"displaced", pipeline.Realtime, func(q *Queue) { push(q, 2, pipeline.Realtime, make([]byte, 99)) }},
		{"dropped offline", pipeline.Realtime, func(q *Queue) {
			q.SetHolding(true)
			q.SetOnline(false)
		}},
		{"copied by Restore", pipeline.Reliable, func(q *Queue) { q.Restore([]Returned{back(1, []byte("before"))}) }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			q := New(Limits{StateMessages: 3, StateBytes: 100, ReliableMessages: 3, ReliableBytes: 100}, nil)
			q.SetOnline(true)
			p := NewPayload([]byte("payload"), 2)
			o, wake := pushShared(q, 1, tc.intent, p)
			require.Equal(t, Queued, o)
			require.True(t, wake)
			require.EqualValues(t, 2, p.shares.Load())
			tc.leave(q)
			require.EqualValues(t, 1, p.shares.Load())
			require.Equal(t, "payload", string(p.bytes))
			takeAll(q)
			require.Zero(t, q.Bytes())
			require.EqualValues(t, 1, p.shares.Load())
		})
	}
}

// A queue that rejects a message does not take a share of it.
func TestRejectedMessageTakesNoShare(t *testing.T) {
	q := New(Limits{StateMessages: 1, StateBytes: 100, ReliableMessages: 1, ReliableBytes: 100}, nil)
	p := NewPayload([]byte("payload"), 2)
	o, _ := pushShared(q, 1, pipeline.Realtime, p)
	require.Equal(t, Offline, o)
	require.EqualValues(t, 2, p.shares.Load())
}

// BenchmarkFanout pushes a message of 128 bytes to each of 250 queues, from which
// nine messages are taken at a time, with a copy for each queue and with a shared
// payload.
func BenchmarkFanout(b *testing.B) {
	const fanout, together = 250, 9
	payload := make([]byte, 128)
	packet := make([]byte, 0, 1200)
	takeInto := func(_ uint32, _ pipeline.Intent, payload []byte) bool {
		packet = append(packet, payload...)
		return true
	}
	run := func(b *testing.B, push func(queues []*Queue)) {
		var queues []*Queue
		for range fanout {
			q := New(Limits{StateMessages: 1024, StateBytes: 256 << 10, ReliableMessages: 1024, ReliableBytes: 1 << 20}, nil)
			q.SetOnline(true)
			queues = append(queues, q)
		}
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			push(queues)
			if i%together < together-1 {
				continue
			}
			for _, q := range queues {
				packet = packet[:0]
				take(q, false, takeInto)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/fanout, "ns/copy")
	}
	b.Run("copied", func(b *testing.B) {
		run(b, func(queues []*Queue) {
			for _, q := range queues {
				push(q, 1, pipeline.Realtime, payload)
			}
		})
	})
	b.Run("shared", func(b *testing.B) {
		run(b, func(queues []*Queue) {
			p := NewPayload(payload, fanout)
			for _, q := range queues {
				pushShared(q, 1, pipeline.Realtime, p)
			}
		})
	})
}
