package recvq

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/pipeline"
)

// timeOf is the time for users at the loop's time at.
func timeOf(at pipeline.Time) time.Time { return time.Unix(0, int64(at)) }

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
				g := NewGroup[int](limit, timeOf)
				q := g.NewQueue(0)
				results := start(n, receiver(t.Context(), g, q))
				synctest.Wait()
				for range n - 1 {
					q.Push(0, Message{Channel: 0, Intent: pipeline.Realtime, Payload: []byte("x")})
				}
				g.Publish(false)
				synctest.Wait()
				require.Len(t, results, n-1)
				q.Push(0, Message{Channel: 0, Intent: pipeline.Reliable, Payload: []byte("x")})
				g.Publish(false)
				for range n {
					require.Equal(t, result{payload: "x"}, <-results)
				}
			})
		})
	}
}

// With more to come, Publish wakes a receiver once announceAt messages wait, and otherwise
// leaves that to the next call.
func TestPublishWakesLaterIfMoreIsComing(t *testing.T) {
	for _, n := range []int{1, announceAt - 1, announceAt} {
		synctest.Test(t, func(t *testing.T) {
			g := NewGroup[int](2*announceAt, timeOf)
			q := g.NewQueue(0)
			results := start(1, receiveAny(t.Context(), g))
			synctest.Wait()
			for range n {
				q.Push(0, Message{Channel: 0, Intent: pipeline.Realtime, Payload: []byte("x")})
				g.Publish(true)
			}
			synctest.Wait()
			require.Len(t, results, n/announceAt)
			g.Publish(false)
			require.Equal(t, result{payload: "x"}, <-results)
		})
	}
}

// While a receiver takes messages, the loop pushes and publishes without waiting for
// it, even when the receiver has fallen behind; then the messages move to the rings
// as soon as it has gone. Only at twice a limit would the loop wait.
func TestPublishDoesNotWaitForAReceiver(t *testing.T) {
	g := NewGroup[int](4*maxBlocks, timeOf)
	q := g.NewQueue(0)
	push := func(n int) {
		for range n {
			q.Push(0, Message{Channel: 0, Intent: pipeline.Realtime})
			g.Publish(false)
		}
	}
	push(2)
	n, err := g.ReceiveBatch(t.Context(), 1, func(int, int, Message) { push(maxBlocks + maxBlocks/2) })
	require.NoError(t, err)
	require.Equal(t, 1, n)
	require.Zero(t, g.turns.Len())
	push(1)
	require.Zero(t, g.blocks.Len())
	n, err = g.ReceiveBatch(t.Context(), 4*maxBlocks, func(int, int, Message) {})
	require.NoError(t, err)
	require.Equal(t, 2+maxBlocks+maxBlocks/2, n)
}

// Close lets the receivers take the messages that are there; the others get
// ErrClosed, and so does each later call.
func TestCloseEndsAllReceivers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGroup[int](limit, timeOf)
		q, other := g.NewQueue(0), g.NewQueue(1)
		anyResults := start(3, receiveAny(t.Context(), g))
		results := start(3, receiveOf(t.Context(), other))
		synctest.Wait()
		g.Close()
		for range 3 {
			require.Equal(t, result{err: ErrClosed}, <-anyResults)
			require.Equal(t, result{err: ErrClosed}, <-results)
		}
		q.Push(0, Message{Channel: 0, Intent: pipeline.Latest, Payload: []byte("x")})
		g.Publish(false)
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
		g := NewGroup[int](limit, timeOf)
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
	g := NewGroup[int](limit, timeOf)
	q := g.NewQueue(0)
	_, _, err := g.Receive(ctx)
	require.ErrorIs(t, err, why)
	_, err = q.Receive(ctx)
	require.ErrorIs(t, err, why)
}

// A payload belongs to its receiver: later messages leave it alone, and so does an
// append to it.
func TestPayloadBelongsToItsReceiver(t *testing.T) {
	for _, inRings := range []bool{false, true} {
		g := NewGroup[int](2, timeOf)
		q := g.NewQueue(0)
		source := []byte("first")
		push := func(payload []byte) {
			q.Push(0, Message{Channel: 0, Intent: pipeline.Latest, Payload: payload})
			g.Publish(false)
			if inRings {
				settle(g)
			}
		}
		push(source)
		copy(source, "xxxxx")
		push([]byte("second"))
		_, first, err := g.Receive(t.Context())
		require.NoError(t, err)
		_, second, err := g.Receive(t.Context())
		require.NoError(t, err)
		_ = append(first.Payload, "xxxxx"...)
		for range 20 {
			push([]byte("other"))
		}
		require.Equal(t, "first", string(first.Payload))
		require.Equal(t, "second", string(second.Payload))
	}
}

// Peers whose messages wait in rings are served round-robin, a message each. Messages
// in blocks alternate with them.
func TestPeersTakeTurns(t *testing.T) {
	g := NewGroup[int](limit, timeOf)
	queues := []*Queue[int]{g.NewQueue(0), g.NewQueue(1), g.NewQueue(2)}
	push := func(peer, n int) {
		for range n {
			queues[peer].Push(0, Message{Channel: 0, Intent: pipeline.Realtime})
		}
		g.Publish(false)
	}
	push(0, 5)
	push(1, 2)
	settle(g)
	push(2, 3)
	var order []int
	n, err := g.ReceiveBatch(t.Context(), 20, func(_, peer int, _ Message) { order = append(order, peer) })
	require.NoError(t, err)
	require.Equal(t, len(order), n)
	require.Equal(t, []int{2, 0, 2, 1, 2, 0, 1, 0, 0, 0}, order)
}

// Messages that have waited in blocks for longer than maxBlockAge when others
// arrive are moved to the rings, so that a peer that sent many of them delays
// others no longer.
func TestOldMessagesTakeTurns(t *testing.T) {
	g := NewGroup[int](limit, timeOf)
	flood, honest := g.NewQueue(0), g.NewQueue(1)
	for range 100 {
		flood.Push(0, Message{Channel: 0, Intent: pipeline.Realtime})
	}
	g.Publish(false)
	honest.Push(maxBlockAge, Message{Channel: 0, Intent: pipeline.Realtime})
	g.Publish(false)
	require.Zero(t, g.turns.Len())
	honest.Push(maxBlockAge+1, Message{Channel: 0, Intent: pipeline.Realtime})
	g.Publish(false)
	var order []int
	_, err := g.ReceiveBatch(t.Context(), 4, func(_, peer int, _ Message) { order = append(order, peer) })
	require.NoError(t, err)
	require.Equal(t, []int{0, 1, 0, 1}, order)
}

// filled returns a group whose blocks, or rings, have been used.
func filled(peers, n int, payload []byte, inRings bool) (g *Group[int], push func()) {
	g = NewGroup[int](limit, timeOf)
	queues := make([]*Queue[int], peers)
	for i := range queues {
		queues[i] = g.NewQueue(i)
	}
	push = func() {
		for i := range n {
			queues[i%peers].Push(0, Message{Channel: 0, Intent: pipeline.Latest, Payload: payload})
		}
		g.Publish(false)
		if inRings {
			settle(g)
		}
	}
	return g, push
}

// ReceiveBatch allocates nothing, and Receive once for a batch, or for 16 KiB of
// payload, whether a reader keeps up or not, with thousands of peers as with one.
func TestReceiveAllocatesOnceForABatch(t *testing.T) {
	const n = 2000
	ctx := context.Background()
	for name, c := range map[string]struct {
		peers, size int
		inRings     bool
		want        float64
	}{
		"blocks of one peer":        {1, 8, false, 1},
		"blocks of many peers":      {n, 8, false, 1},
		"large payloads in blocks":  {n, 128, false, n*128/ownedBytes + 1},
		"rings of many peers":       {n, 8, true, 1},
		"empty payloads in blocks":  {n, 0, false, 0},
		"larger payloads in blocks": {10, ownedBytes + 1, false, 10},
	} {
		t.Run(name, func(t *testing.T) {
			n := n
			if c.size > ownedBytes {
				n = 10
			}
			if c.peers == 1 {
				n = limit
			}
			g, push := filled(c.peers, n, make([]byte, c.size), c.inRings)
			for range 3 * maxBlocks { // until each buffer has its size
				push()
				received, err := g.ReceiveBatch(ctx, n, func(int, int, Message) {})
				require.NoError(t, err)
				require.Equal(t, n, received)
			}
			batches := testing.AllocsPerRun(10, func() {
				push()
				for received := 0; received < n; {
					more, err := g.ReceiveBatch(ctx, 300, func(int, int, Message) {})
					if received += more; err != nil {
						t.Error(err)
					}
				}
			})
			require.Zero(t, batches)
			one := testing.AllocsPerRun(10, func() {
				push()
				for range n {
					if _, _, err := g.Receive(ctx); err != nil {
						t.Error(err)
					}
				}
			})
			require.LessOrEqual(t, one, c.want)
			require.Equal(t, c.want > 0, one > 0)
		})
	}
}

// Blocks that wait are bounded in number, messages and bytes. At each of these
// limits all messages are moved to the rings, none is lost, and what the spare
// blocks keep is bounded too.
func TestBlocksAreBounded(t *testing.T) {
	for name, c := range map[string]struct{ turns, each, size int }{
		"blocks":   {2 * maxBlocks, 1, 1},
		"messages": {10, maxInBlocks / 8, 0},
		"bytes":    {10, 2000, maxBlockBytes / 10000},
	} {
		t.Run(name, func(t *testing.T) {
			const peers = 200
			g := NewGroup[int](limit, timeOf)
			queues := make([]*Queue[int], peers)
			for i := range queues {
				queues[i] = g.NewQueue(i)
			}
			settled := false
			for n := range c.turns {
				for i := range c.each {
					queues[(n+i)%peers].Push(0, Message{Channel: 0, Intent: pipeline.Realtime, Payload: make([]byte, c.size)})
				}
				g.Publish(false)
				settled = settled || g.turns.Len() > 0
				require.LessOrEqual(t, g.blocks.Len(), maxBlocks)
				require.LessOrEqual(t, g.inBlocks, maxInBlocks)
				require.LessOrEqual(t, g.blockBytes, maxBlockBytes)
			}
			require.True(t, settled)
			n, err := g.ReceiveBatch(t.Context(), 1<<20, func(int, int, Message) {})
			require.NoError(t, err)
			require.Equal(t, c.turns*c.each, n)
			require.Zero(t, g.Dropped())
			require.LessOrEqual(t, len(g.spare), maxSpare)
			require.LessOrEqual(t, g.spareBytes, maxSpareBytes)
			for _, b := range g.spare {
				for _, e := range b.entries[:cap(b.entries)] {
					require.Nil(t, e.queue, "a spare block keeps no queue reachable")
				}
			}
		})
	}
}

// A turn of the loop with a great many messages, or bytes, publishes them in parts.
func TestAStageIsBounded(t *testing.T) {
	g := NewGroup[int](limit, timeOf)
	q := g.NewQueue(0)
	for range 3 * blockMessages {
		q.Push(0, Message{Channel: 0, Intent: pipeline.Realtime})
		require.Less(t, len(g.stage.entries), blockMessages)
	}
	for range 3 * blockBytes / 1000 {
		q.Push(0, Message{Channel: 0, Intent: pipeline.Realtime, Payload: make([]byte, 1000)})
		require.Less(t, len(g.stage.payload), blockBytes)
	}
}

func BenchmarkPushReceive(b *testing.B) {
	const peers, turn = 2000, 200
	payload := make([]byte, 32)
	for _, inRings := range []bool{false, true} {
		for _, one := range []bool{false, true} {
			b.Run(fmt.Sprintf("rings=%v/one=%v", inRings, one), func(b *testing.B) {
				g, push := filled(peers, turn, payload, inRings)
				b.ReportAllocs()
				b.SetBytes(turn * int64(len(payload)))
				ctx := context.Background()
				for b.Loop() {
					push()
					if !one {
						_, _ = g.ReceiveBatch(ctx, turn, func(int, int, Message) {})
						continue
					}
					for range turn {
						_, _, _ = g.Receive(ctx)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(turn*b.N), "ns/message")
			})
		}
	}
}
