package recvq

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/pipeline"
)

// result is what a call of Receive has returned.
type result struct {
	payload string
	err     error
}

// start calls receive n times, on a goroutine each.
func start(n int, receive func() (Message, error)) <-chan result {
	results := make(chan result, n)
	for range n {
		go func() {
			m, err := receive()
			results <- result{string(m.Payload), err}
		}()
	}
	return results
}

func receiveAny(ctx context.Context, g *Group[int]) func() (Message, error) {
	return func() (Message, error) {
		_, m, err := g.Receive(ctx)
		return m, err
	}
}

func receiveOf(ctx context.Context, q *Queue[int]) func() (Message, error) {
	return func() (Message, error) { return q.Receive(ctx) }
}

// Every message wakes one of the receivers that wait, however many messages and
// receivers there are.
func TestEveryMessageWakesAReceiver(t *testing.T) {
	for name, receiver := range map[string]func(context.Context, *Group[int], *Queue[int]) func() (Message, error){
		"of the group": func(ctx context.Context, g *Group[int], _ *Queue[int]) func() (Message, error) {
			return receiveAny(ctx, g)
		},
		"of the queue": func(ctx context.Context, _ *Group[int], q *Queue[int]) func() (Message, error) {
			return receiveOf(ctx, q)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const n = 5
				g := NewGroup[int](limit)
				q := g.NewQueue(0)
				results := start(n, receiver(t.Context(), g, q))
				synctest.Wait()
				for range n - 1 {
					q.Push(0, 0, pipeline.Realtime, []byte("x"))
				}
				synctest.Wait()
				require.Len(t, results, n-1)
				q.Push(0, 0, pipeline.Reliable, []byte("x"))
				for range n {
					require.Equal(t, result{payload: "x"}, <-results)
				}
			})
		})
	}
}

// Close lets the receivers take the messages that are there; the others get
// ErrClosed, and so does each later call.
func TestCloseEndsAllReceivers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGroup[int](limit)
		q, other := g.NewQueue(0), g.NewQueue(1)
		anyResults := start(3, receiveAny(t.Context(), g))
		results := start(3, receiveOf(t.Context(), other))
		synctest.Wait()
		g.Close()
		for range 3 {
			require.Equal(t, result{err: ErrClosed}, <-anyResults)
			require.Equal(t, result{err: ErrClosed}, <-results)
		}
		q.Push(0, 0, pipeline.Latest, []byte("x"))
		_, m, err := g.Receive(t.Context())
		require.NoError(t, err)
		require.Equal(t, "x", string(m.Payload))
		_, _, err = g.Receive(t.Context())
		require.ErrorIs(t, err, ErrClosed)
	})
}

// End ends all receivers of its queue, and no others. Reopen has them wait again.
func TestEndEndsReceiversOfItsQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGroup[int](limit)
		q, other := g.NewQueue(0), g.NewQueue(1)
		anyResults := start(1, receiveAny(t.Context(), g))
		otherResults := start(1, receiveOf(t.Context(), other))
		results := start(3, receiveOf(t.Context(), q))
		synctest.Wait()
		q.End()
		for range 3 {
			require.Equal(t, result{err: ErrClosed}, <-results)
		}
		q.Reopen()
		results = start(1, receiveOf(t.Context(), q))
		synctest.Wait()
		require.Empty(t, results)
		require.Empty(t, otherResults)
		require.Empty(t, anyResults)
		g.Close()
		require.ErrorIs(t, (<-results).err, ErrClosed)
	})
}

func TestReceiveReturnsTheCauseOfItsContext(t *testing.T) {
	why := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(why)
	g := NewGroup[int](limit)
	q := g.NewQueue(0)
	_, _, err := g.Receive(ctx)
	require.ErrorIs(t, err, why)
	_, err = q.Receive(ctx)
	require.ErrorIs(t, err, why)
}

// A payload belongs to its receiver: later messages in the same slot leave it
// alone.
func TestPayloadBelongsToItsReceiver(t *testing.T) {
	g := NewGroup[int](1)
	q := g.NewQueue(0)
	source := []byte("first")
	q.Push(0, 0, pipeline.Latest, source)
	copy(source, "xxxxx")
	_, m, err := g.Receive(t.Context())
	require.NoError(t, err)
	for range 20 {
		q.Push(0, 0, pipeline.Latest, []byte("other"))
	}
	require.Equal(t, "first", string(m.Payload))
}

// Receiving allocates the payload that it hands over, and nothing else, and to
// wait for a turn takes no memory, with thousands of peers as with one.
func TestReceiveAllocatesThePayloadAlone(t *testing.T) {
	for _, peers := range []int{1, 2000} {
		for want, payload := range [][]byte{nil, []byte("state")} {
			g := NewGroup[int](4)
			queues := make([]*Queue[int], peers)
			for i := range queues {
				queues[i] = g.NewQueue(i)
				for range 2 * 8 { // so that each slot has its buffer
					queues[i].Push(0, 0, pipeline.Latest, payload)
				}
			}
			ctx := context.Background()
			allocs := testing.AllocsPerRun(2*peers, func() {
				peer, _, err := g.Receive(ctx)
				if err != nil {
					t.Error(err)
				}
				queues[peer].Push(0, 0, pipeline.Latest, payload)
			})
			require.EqualValues(t, want, allocs)
		}
	}
}

func BenchmarkPushReceive(b *testing.B) {
	payload := make([]byte, 32)
	g := NewGroup[*int](limit)
	queues := make([]*Queue[*int], 2000)
	for i := range queues {
		queues[i] = g.NewQueue(&i)
	}
	b.ReportAllocs()
	b.SetBytes(int64(len(payload)))
	ctx := context.Background()
	for n := 0; b.Loop(); n++ {
		queues[n%len(queues)].Push(0, 1, pipeline.Latest, payload)
		if _, _, err := g.Receive(ctx); err != nil {
			b.Fatal(err)
		}
	}
}
