package sendq

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/internal/seed"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

// logRun is a log and its readers. Messages carry numbers, which grow.
type logRun struct {
	t       testing.TB
	log     *Log
	readers []*logReader
	next    uint16
	ample   bool // the limits of the queues are never reached
}

// logReader is a queue and what has become of its messages.
type logReader struct {
	*Queue
	accepted uint64
	sent     map[uint16]message // accepted and not received yet
	latest   map[uint32]uint16  // the highest number received, by Latest channel
	newest   map[uint32]uint16  // the highest number accepted, by Latest channel
	realtime uint16             // the highest Realtime number received
}

func newLogRun(t testing.TB, l Limits, readers int) *logRun {
	r := &logRun{t: t, log: NewLog(), ample: l == roomy}
	for range readers {
		q := &logReader{Queue: New(l, r.log), sent: map[uint16]message{}, latest: map[uint32]uint16{}, newest: map[uint32]uint16{}}
		q.SetOnline(true)
		r.readers = append(r.readers, q)
	}
	return r
}

// write broadcasts a message to the readers in the set.
func (r *logRun) write(channel uint32, intent pipeline.Intent, size int, set byte) {
	m := r.message(channel, intent, size)
	b := Message{Channel: channel, Intent: intent, Payload: []byte(m.payload)}
	if r.next%3 == 0 {
		b.Origin, b.Within = uint64(r.next), uint32(r.next)
	}
	if !r.log.Begin(&b) {
		return
	}
	for i, q := range r.readers {
		if set>>(i%8)&1 != 0 {
			q.accept(r.log.To(q.Queue), m, r.next)
		}
	}
	r.log.End()
}

func (r *logRun) message(channel uint32, intent pipeline.Intent, size int) message {
	r.next++
	return message{channel: channel, intent: intent, payload: string(append(binary.BigEndian.AppendUint16(nil, r.next), make([]byte, size)...))}
}

func (q *logReader) accept(o Outcome, m message, number uint16) {
	if o != Queued && o != Replaced {
		return
	}
	q.accepted++
	q.sent[number] = m
	if m.intent == pipeline.Latest {
		q.newest[m.channel] = number
	}
}

func (r *logRun) push(q *logReader, channel uint32, intent pipeline.Intent, size int) {
	m := r.message(channel, intent, size)
	o, _ := push(q.Queue, channel, intent, []byte(m.payload))
	q.accept(o, m, r.next)
}

// receive checks a message that would go into a packet.
func (r *logRun) receive(q *logReader, m message) {
	number := binary.BigEndian.Uint16([]byte(m.payload))
	require.Equal(r.t, q.sent[number], m, "message %d", number)
	delete(q.sent, number)
	if m.intent == pipeline.Realtime {
		require.Greater(r.t, number, q.realtime, "the order of messages")
		q.realtime = number
		return
	}
	require.Greater(r.t, number, q.latest[m.channel], "channel %d goes back", m.channel)
	q.latest[m.channel] = number
}

// flush does what the loop does for one reader. It reads up to room bytes from the log, if
// nothing is queued.
func (r *logRun) flush(q *logReader, room, most int, held bool) {
	if state, _, _ := q.Waiting(); q.Reading() && (held || state > 0) {
		q.Spill()
	}
	if q.Reading() {
		origins := room%2 == 0
		frames, n := q.ReadLog(nil, room, origins)
		require.LessOrEqual(r.t, len(frames), room)
		for ; n > 0; n-- {
			if origins && frames[0] == byte(wire.FrameOrigin) {
				var f wire.Frame
				frames = frames[f.Parse(frames):]
				number := uint64(binary.BigEndian.Uint16(frames[3:]))
				require.Zero(r.t, number%3)
				require.Equal(r.t, number, f.Time)
				require.Equal(r.t, uint32(number), f.Within)
			} else if origins {
				require.NotZero(r.t, binary.BigEndian.Uint16(frames[3:])%3)
			}
			end := 3 + int(frames[2])
			r.receive(q, message{channel: uint32(frames[1]), intent: pipeline.Intent(frames[0]), payload: string(frames[3:end])})
			frames = frames[end:]
		}
		require.Empty(r.t, frames)
	}
	if held || q.Reading() {
		return
	}
	if room%3 == 0 {
		r.takePlain(q, room, most)
		return
	}
	q.Take(false, pipeline.Normal, 0, func(it *Item, payload []byte) bool {
		if most--; most < 0 {
			return false
		}
		if number := uint64(binary.BigEndian.Uint16(payload)); it.Marked() {
			require.Equal(r.t, Mark{Origin: number, Within: uint32(number)}, it.Mark())
		}
		r.receive(q, message{channel: it.Channel, intent: it.Intent, payload: string(payload)})
		return true
	})
}

// takePlain takes up to most plain messages. If others come first, it takes one of these.
func (r *logRun) takePlain(q *logReader, room, most int) {
	w := Frames{Data: make([]byte, 0, room), Room: room, MostMessages: most, MostBytes: room, Longest: room}
	n, more := q.TakePlain(&w)
	require.Equal(r.t, w.Messages, n)
	for data := w.Data; len(data) > 0; n-- {
		end := 3 + int(data[2])
		m := message{channel: uint32(data[1]), intent: pipeline.Intent(data[0]), payload: string(data[3:end])}
		require.NotZero(r.t, q.sent[binary.BigEndian.Uint16(data[3:])])
		r.receive(q, m)
		data = data[end:]
	}
	require.Zero(r.t, n)
	if more {
		q.Take(false, pipeline.Normal, 0, func(it *Item, payload []byte) bool {
			if more {
				r.receive(q, message{channel: it.Channel, intent: it.Intent, payload: string(payload)})
			}
			more = !more
			return !more
		})
	}
}

func (r *logRun) step(op, a, b byte) {
	q := r.readers[int(a)%len(r.readers)]
	intent := pipeline.Realtime + pipeline.Intent(b&1)
	channel, size := uint32(b>>1&3), int(b>>3&31)
	switch op % 8 {
	case 0, 1, 2:
		r.write(channel, intent, size, a)
	case 3:
		r.push(q, channel, intent, size)
	case 4:
		r.log.Next()
		for _, q := range r.readers {
			if q.Reading() && !q.online.Load() {
				q.Spill()
			}
		}
	case 5, 6:
		r.flush(q, int(b), 1+int(b)/8, b&7 == 7)
	case 7:
		switch {
		case r.ample:
		case b < 16:
			q.SetHolding(!q.holding)
		case b < 64:
			q.SetOnline(!q.online.Load())
		case b == 255:
			q.Close()
		}
	}
	r.check()
}

// check checks that every message is accounted for.
func (r *logRun) check() {
	for i, q := range r.readers {
		f, waiting := q.Flow()
		require.Equal(r.t, f.Pushed, f.Taken+f.Superseded+f.Displaced+f.GivenUp+uint64(waiting), "reader %d", i)
		require.LessOrEqual(r.t, f.Pushed, q.accepted)
	}
}

// settle reads everything.
func (r *logRun) settle() {
	for _, q := range r.readers {
		q.Withheld()
	}
	for again := true; again; {
		again = r.log.Next() || r.log.Pending()
		for _, q := range r.readers {
			for q.Reading() {
				r.flush(q, 4096, 1<<20, !q.online.Load())
			}
			if q.online.Load() {
				r.flush(q, 4096, 1<<20, false)
				again = again || q.Withheld()
			}
		}
	}
	r.check()
	for i, q := range r.readers {
		f, waiting := q.Flow()
		require.Equal(r.t, q.accepted, f.Pushed, "reader %d", i)
		require.False(r.t, q.Withheld())
		if r.ample {
			require.Zero(r.t, waiting)
			require.Zero(r.t, f.Displaced+f.GivenUp)
			require.Equal(r.t, q.newest, q.latest, "the newest values of reader %d", i)
			require.Len(r.t, q.sent, int(f.Superseded))
		}
	}
}

// Messages that are broadcast and pushed, in any order, reach each reader once and in order,
// or are counted; no Latest channel goes back, and each ends with its newest message.
func TestLog(t *testing.T) {
	rnd := seed.Rand(t)
	for i := range rounds(60) {
		limits := roomy
		if i%3 == 0 {
			limits = Limits{StateMessages: 1 + rnd.IntN(20), StateBytes: 1 + rnd.IntN(500), ReliableMessages: 1, ReliableBytes: 1}
		}
		readers := 1 + rnd.IntN(8)
		if i%10 == 0 {
			readers = 130 // sets of several words
		}
		r := newLogRun(t, limits, readers)
		for range 200 {
			r.step(byte(rnd.Uint32()), byte(rnd.Uint32()), byte(rnd.Uint32()))
		}
		r.settle()
	}
}

// FuzzLog does the same. The input comes from an application, and from the timing of its
// goroutines and of the network.
func FuzzLog(f *testing.F) {
	f.Add([]byte{0, 255, 1, 3, 0, 1, 0, 255, 1, 4, 0, 0, 5, 0, 255}, true)
	f.Add([]byte{0, 255, 0, 7, 0, 20, 4, 0, 0, 5, 0, 7, 7, 0, 20}, false)
	f.Fuzz(func(t *testing.T, ops []byte, ample bool) {
		limits := roomy
		if !ample {
			limits = Limits{StateMessages: 4, StateBytes: 80, ReliableMessages: 1, ReliableBytes: 1}
		}
		r := newLogRun(t, limits, 5)
		for ; len(ops) >= 3 && r.next < 60_000; ops = ops[3:] {
			r.step(ops[0], ops[1], ops[2])
		}
		r.settle()
	})
}
