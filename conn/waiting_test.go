package conn

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/internal/seed"
	"github.com/intentra/intentra/pipeline"
)

// The lines agree with a model that scans all that wait.
func TestWaitingAgainstAScan(t *testing.T) {
	r := seed.Rand(t)
	var w waiting
	w.init()
	var all []initKey // in the order of joining
	asked := map[initKey]pipeline.Time{}
	leave := func(key initKey) {
		for i := range all {
			if all[i] == key {
				all = append(all[:i:i], all[i+1:]...)
				break
			}
		}
		delete(asked, key)
	}
	count := func(addr int) (n int) {
		for _, key := range all {
			if key.addr.Addr() == testAddr(addr, 0).Addr() {
				n++
			}
		}
		return n
	}
	now := testStart
	for step := range 4000 {
		now += pipeline.Time(r.Int64N(int64(2 * time.Millisecond)))
		switch op := r.IntN(10); {
		case op < 6:
			addr := r.IntN(1 + r.IntN(8))
			key := initKey{addr: testAddr(addr, step)}
			own, longest := count(addr), 0
			for i := range 8 {
				longest = max(longest, count(i))
			}
			left, ok := w.join(key, now)
			require.Equal(t, len(all) < maxWaiting || longest > own+1, ok)
			require.Equal(t, ok && len(all) == maxWaiting, left != nil)
			if left != nil {
				for i := len(all) - 1; all[i] != left.key; i-- {
					require.NotEqual(t, left.key.addr.Addr(), all[i].addr.Addr(), "the last of its line leaves")
				}
				leave(left.key)
			}
			if ok {
				all = append(all, key)
				asked[key] = now
			}
		case op < 8 && len(all) > 0:
			key := all[r.IntN(len(all))]
			w.ask(w.byInit[key], now)
			asked[key] = now
		case op < 9 && len(all) > 0:
			line := w.next()
			first := line.entries.Front().Value
			for _, key := range all {
				if key.addr.Addr() == line.addr {
					require.Equal(t, key, first.key, "first come, first served")
					break
				}
			}
			w.remove(first)
			leave(first.key)
		default:
			for d := w.expire(now); d != nil; d = w.expire(now) {
				require.GreaterOrEqual(t, now, later(asked[d.key], waitLife))
				leave(d.key)
			}
			for _, at := range asked {
				require.Less(t, now, later(at, waitLife))
			}
		}
		require.Equal(t, len(all), w.len())
		require.Equal(t, len(all), w.byAsked.Len())
		require.Equal(t, len(w.lines.byAddr), w.turns.Len())
		require.LessOrEqual(t, w.len(), maxWaiting)
	}
	for w.len() > 0 {
		w.remove(w.byAsked.Front().Value)
	}
	require.Zero(t, w.turns.Len())
	require.Empty(t, w.lines.byAddr)
}

// At the cap a newcomer replaces the last of the longest line, and one of the longest
// line is refused. A line with one more than the newcomer's loses none.
func TestWaitingAtTheCap(t *testing.T) {
	var w waiting
	w.init()
	for i := range maxWaiting - 1 {
		_, ok := w.join(initKey{addr: testAddr(1, i)}, testStart)
		require.True(t, ok)
	}
	_, ok := w.join(initKey{addr: testAddr(2, 1)}, testStart)
	require.True(t, ok)
	_, ok = w.join(initKey{addr: testAddr(1, maxWaiting)}, testStart)
	require.False(t, ok)
	for i := 2; w.lines.count(testAddr(1, 0).Addr()) > w.lines.count(testAddr(2, 0).Addr())+1; i++ {
		left, ok := w.join(initKey{addr: testAddr(2, i)}, testStart)
		require.True(t, ok)
		require.Equal(t, initKey{addr: testAddr(1, maxWaiting-i)}, left.key)
	}
	left, ok := w.join(initKey{addr: testAddr(2, maxWaiting)}, testStart)
	require.False(t, ok)
	require.Nil(t, left)
	require.Equal(t, maxWaiting, w.len())
}

// Lines are served round-robin, whatever their lengths.
func TestWaitingLinesAreServedRoundRobin(t *testing.T) {
	var w waiting
	w.init()
	for i := range 100 {
		w.join(initKey{addr: testAddr(1, i)}, testStart)
	}
	for i := range 3 {
		w.join(initKey{addr: testAddr(2+i, 1)}, testStart)
	}
	served := map[string]int{}
	for range 8 {
		line := w.next()
		served[line.addr.String()]++
		w.remove(line.entries.Front().Value)
	}
	require.Equal(t, 5, served[testAddr(1, 0).Addr().String()])
	require.Len(t, served, 4)
}

func TestWorkerPace(t *testing.T) {
	var w workerPace
	w.submitted()
	w.finished(later(testStart, time.Hour))
	require.Zero(t, w.each, "a worker that was idle says nothing")
	now := later(testStart, 2*time.Hour)
	for range 100 {
		w.submitted()
	}
	for range 100 {
		w.finished(now)
		now = later(now, 20*time.Millisecond)
	}
	require.InDelta(t, 20*time.Millisecond, w.each, float64(time.Microsecond))
	require.Zero(t, w.out)

	e := newEndpoint(t)
	require.Equal(t, 1024, e.slots())
	e.worker.each = 20 * time.Millisecond
	require.Equal(t, 25, e.slots())
	e.worker.each = time.Second
	require.Equal(t, leastSlots, e.slots())
	e.cfg.MaxHandshakes = 2
	require.Equal(t, 2, e.slots())

	w = workerPace{}
	w.submitted()
	w.submitted()
	w.finished(testStart)
	w.finished(later(testStart, time.Hour))
	require.Equal(t, time.Second/8, w.each, "one long pause counts as a second")
}

// The patience with the handshakes of an address follows its slowest one at once, and
// faster ones slowly.
func TestPatience(t *testing.T) {
	h := new(holder[*halfOpen])
	require.Equal(t, mostPatience, patience(h))
	h.wentOn(10 * time.Millisecond)
	require.Equal(t, leastPatience, patience(h))
	h.wentOn(400 * time.Millisecond)
	require.Equal(t, 1200*time.Millisecond, patience(h))
	h.wentOn(0)
	require.Equal(t, 1050*time.Millisecond, patience(h))
	h.wentOn(time.Minute)
	require.Equal(t, mostPatience, patience(h))
}
