package fragment

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/internal/seed"
	"github.com/intentra/intentra/pipeline"
)

// FuzzTable: the attacker (PEER) has keys and sends any fragments in any order, from
// several sessions. A message is delivered whole, with the bytes of its fragments and no
// others, a Latest one once and never after a newer one that is remembered, and the limits hold.
func FuzzTable(f *testing.F) {
	random := seed.Rand(f)
	for range 4 {
		ops := make([]byte, 1200)
		for i := range ops {
			ops[i] = byte(random.Uint32())
		}
		f.Add(ops)
	}
	f.Fuzz(func(t *testing.T, ops []byte) {
		w := &tableTest{T: t, tab: New(Limits{HolderBytes: 24 << 10, TotalBytes: 40 << 10, HolderMessages: 5})}
		for i := range w.holders {
			w.holders[i].Session = pipeline.ID(i)
		}
		for len(ops) >= 4 {
			w.step(ops[0], ops[1], ops[2], ops[3])
			w.check()
			ops = ops[4:]
		}
		for i := range w.holders {
			w.tab.Clear(&w.holders[i])
		}
		require.Zero(t, w.tab.Bytes())
		for _, l := range w.tab.lists {
			require.Zero(t, l.Len())
		}
	})
}

type tableTest struct {
	*testing.T
	tab      *Table
	now      pipeline.Time
	holders  [3]Holder
	reliable [3][4]int // by channel: how much of a message has been added
}

// sizes are those of messages; two numbers of a message have different sizes at times.
var sizes = []int{64, 100, 128, 640, 1000, 4096, 5000, 9000}

func (w *tableTest) step(op, a, b, c byte) {
	i := int(op>>4) % len(w.holders)
	h := &w.holders[i]
	channel := uint32(a % 4)
	switch op % 16 {
	case 0:
		w.now += pipeline.Time(b) * RealtimeLife / 8
		w.tab.Expire(w.now, func(pipeline.ID) {})
	case 1:
		w.tab.Overtake(h, channel, uint64(b%8))
	case 2:
		w.tab.Interrupt(h, channel)
		w.reliable[i][channel] = 0
	case 3:
		if c == 0 {
			w.tab.Clear(h)
			w.reliable[i] = [4]int{}
		}
	case 4, 5, 6, 7:
		w.addReliable(i, channel, b, c)
	default:
		intent := pipeline.Realtime + pipeline.Intent(op%2)
		order := uint64(b % 8)
		size := sizes[(int(b>>3)+int(order))%len(sizes)]
		w.addState(i, intent, channel, order, size, c)
	}
}

// fill returns what belongs at an offset of a message. It names the message, so that a
// mixture of two is found.
func fill(intent pipeline.Intent, channel uint32, order uint64, size, offset, n int) []byte {
	b := make([]byte, 0, n+8)
	for len(b) < n {
		b = binary.BigEndian.AppendUint64(b, uint64(intent)<<56|uint64(channel)<<48|order<<40|uint64(size)<<20|uint64(offset+len(b)))
	}
	return b[:n]
}

func (w *tableTest) addState(i int, intent pipeline.Intent, channel uint32, order uint64, size int, c byte) {
	offset := int(c) % ((size + Unit - 1) / Unit) * Unit
	n := min(Unit*(1+int(c>>4)), size-offset)
	before := w.holders[i].find(pipeline.Latest, channel, 0)
	old := intent == pipeline.Latest && before != nil && (order < before.order || order == before.order && before.payload == nil)
	got, r := w.tab.Add(&w.holders[i], Piece{intent, channel, order, size, offset, fill(intent, channel, order, size, offset, n)}, w.now)
	require.Equal(w, old, r == Superseded || old && r == Duplicate)
	require.NotZero(w, r)
	require.Equal(w, r == Complete, got != nil)
	if r != Complete {
		return
	}
	require.Equal(w, fill(intent, channel, order, size, 0, size), got)
	clear(got)
	w.tab.Put(got)
}

func (w *tableTest) addReliable(i int, channel uint32, b, c byte) {
	h := &w.holders[i]
	size := sizes[int(b)%len(sizes)]
	have := &w.reliable[i][channel]
	m := h.find(pipeline.Reliable, channel, 0)
	offset := *have
	if m == nil {
		offset = 0
	} else if b < 200 {
		size = m.size
	}
	if c%16 == 0 {
		offset = 0 // perhaps too early
	} else if c%16 == 1 {
		offset += Unit
	}
	if offset >= size {
		return
	}
	if offset == 0 && !w.tab.Reserve(h, size) {
		return
	}
	fits := m != nil && m.size == size && m.have == offset || offset == 0
	n := min(Unit*(1+int(c>>2)), size-offset)
	got, r := w.tab.Add(h, Piece{pipeline.Reliable, channel, 0, size, offset, fill(pipeline.Reliable, channel, 0, size, offset, n)}, w.now)
	require.Equal(w, fits, r == Stored || r == Complete)
	*have = offset + n
	if r == Complete {
		require.Equal(w, fill(pipeline.Reliable, channel, 0, size, 0, size), got)
		w.tab.Put(got)
	}
}

// check compares what the table counts with what it holds, and with its limits.
func (w *tableTest) check() {
	l := w.tab.limits
	total, messages := 0, 0
	for i := range w.holders {
		h := &w.holders[i]
		bytes := h.reserved
		for _, m := range h.messages {
			if m.payload != nil {
				bytes += buffered(m.size)
				require.False(w, m.complete())
			}
		}
		require.Equal(w, bytes, h.bytes)
		require.LessOrEqual(w, h.bytes, l.HolderBytes)
		require.LessOrEqual(w, len(h.messages), l.HolderMessages)
		total += bytes
		messages += len(h.messages)
	}
	require.Equal(w, total, w.tab.bytes)
	require.LessOrEqual(w, total, l.TotalBytes)
	listed := 0
	for _, list := range w.tab.lists {
		listed += list.Len()
	}
	require.Equal(w, messages, listed)
	require.LessOrEqual(w, w.tab.pool.size, maxPooled)
}
