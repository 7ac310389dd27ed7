package recvq

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/internal/seed"
	"github.com/intentra/intentra/pipeline"
)

// modelQueue is a receive queue in the simplest form: two slices.
type modelQueue struct {
	state, reliable []Message
	ended, retired  bool
	dropped         int
}

func (q *modelQueue) len() int { return len(q.state) + len(q.reliable) }

func (q *modelQueue) take() (m Message, ok bool) {
	r := &q.reliable
	if len(*r) == 0 {
		r = &q.state
	}
	if len(*r) == 0 {
		return m, false
	}
	m, *r = (*r)[0], (*r)[1:]
	return m, true
}

// model is a Group in the simplest form: it finds everything by searching.
type model struct {
	limit   int
	queues  []*modelQueue
	turns   []*modelQueue
	retired []*modelQueue
}

func (g *model) push(q *modelQueue, m Message) {
	if m.Intent == pipeline.Reliable {
		q.reliable = append(q.reliable, m)
	} else {
		if len(q.state) == g.limit {
			q.state, q.dropped = q.state[1:], q.dropped+1
		}
		q.state = append(q.state, m)
	}
	g.settle(q)
}

// settle gives q the place among the turns that it is due.
func (g *model) settle(q *modelQueue) {
	at := slices.Index(g.turns, q)
	switch {
	case q.len() > 0 && at < 0:
		g.turns = append(g.turns, q)
	case q.len() == 0 && at >= 0:
		g.turns = slices.Delete(g.turns, at, at+1)
	}
	g.retired = slices.DeleteFunc(g.retired, func(q *modelQueue) bool { return q.len() == 0 })
}

func (g *model) retire(q *modelQueue) {
	q.ended = true
	if q.len() == 0 || slices.Contains(g.retired, q) {
		return
	}
	if len(g.retired) == maxRetired {
		oldest := g.retired[0]
		oldest.dropped += oldest.len()
		oldest.state, oldest.reliable = nil, nil
		g.settle(oldest)
	}
	g.retired = append(g.retired, q)
}

func (g *model) dropped() (n int) {
	for _, q := range g.queues {
		n += q.dropped
	}
	return n
}

// Any sequence of calls has the same results as on the model.
func FuzzGroup(f *testing.F) {
	random := seed.Rand(f)
	for range 4 {
		calls := make([]byte, 4000)
		for i := range calls {
			calls[i] = byte(random.Uint32())
		}
		f.Add(calls)
	}
	f.Fuzz(func(t *testing.T, calls []byte) {
		// More queues than can be retired with messages.
		runCalls(t, 3, maxRetired+16, calls)
	})
}

// runCalls makes a call for each two bytes, on a real group and on the model.
func runCalls(t *testing.T, limit, queues int, calls []byte) {
	// Receive takes what is there, and waits for nothing.
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	g, m := NewGroup[int](limit), &model{limit: limit}
	all := make([]*Queue[int], queues)
	for i := range all {
		all[i] = g.NewQueue(i)
		m.queues = append(m.queues, new(modelQueue))
	}
	receive := func() bool {
		peer, got, err := g.Receive(ctx)
		if len(m.turns) == 0 {
			require.ErrorIs(t, err, context.Canceled)
			return false
		}
		q := m.turns[0]
		m.turns = m.turns[1:]
		want, _ := q.take()
		m.settle(q)
		require.NoError(t, err)
		require.Same(t, q, m.queues[peer])
		require.Equal(t, want, got)
		return true
	}
	for n := 0; n+1 < len(calls); n += 2 {
		i := int(calls[n+1]) % queues
		q, mq := all[i], m.queues[i]
		switch op := calls[n] % 16; {
		case op < 8:
			msg := Message{Arrived: pipeline.Time(n), Channel: uint32(n), Intent: pipeline.Intent(1 + op%3), Payload: fmt.Append(nil, n)}
			q.Push(msg.Arrived, msg.Channel, msg.Intent, msg.Payload)
			m.push(mq, msg)
		case op < 10:
			receive()
		case op < 12:
			want, ok := mq.take()
			m.settle(mq)
			got, err := q.Receive(ctx)
			switch {
			case ok:
				require.NoError(t, err)
				require.Equal(t, want, got)
			case mq.ended:
				require.ErrorIs(t, err, ErrClosed)
			default:
				require.ErrorIs(t, err, context.Canceled)
			}
		case op == 12:
			q.End()
			mq.ended = true
		case op == 13:
			if !mq.retired {
				q.Reopen()
				mq.ended = false
			}
		default:
			q.Retire()
			mq.retired = true
			m.retire(mq)
		}
		checkQueue(t, limit, q, mq)
		require.EqualValues(t, m.dropped(), g.Dropped())
		require.Equal(t, len(m.turns), g.turns.Len())
		require.Equal(t, len(m.retired), g.retired.Len())
		require.LessOrEqual(t, g.retired.Len(), maxRetired)
	}
	for receive() {
	}
	require.Zero(t, g.turns.Len())
	require.Zero(t, g.retired.Len())
	for i, q := range all {
		checkQueue(t, limit, q, m.queues[i])
	}
}

func checkQueue(t *testing.T, limit int, q *Queue[int], m *modelQueue) {
	require.Equal(t, len(m.state), q.state.Len())
	require.Equal(t, len(m.reliable), q.reliable.Len())
	require.LessOrEqual(t, q.state.Len(), limit)
	require.Equal(t, len(m.reliable) < limit, q.HasRoom())
	require.EqualValues(t, m.dropped, q.Dropped())
	require.Equal(t, m.len() > 0, q.group.turns.Contains(&q.turn))
}
