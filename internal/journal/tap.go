package journal

import (
	"encoding/binary"
	"hash/crc32"
	"io"

	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/pipeline"
)

// effects are the effects of one input that are recorded with it.
type effects struct {
	drops   []int // rows
	outcome Outcome
	rooms   []byte
	panics  []int
	refused []int
}

// forget clears h for the next input.
func (h *effects) forget() { *h = effects{drops: h.drops[:0], rooms: h.rooms[:0]} }

// tap returns cfg with its callbacks and its randomness recorded.
func (c *Core) tap(cfg conn.Config) conn.Config {
	if c.w.HasKeys() {
		c.w.head()
		c.w.static(cfg.Identity.Private())
		cfg.Rand = &recordedRandom{cfg.Rand, c.w}
		cfg.Journal.Keyed = c.w.epoch
	}
	cfg.Journal.Pushed = c.w.pushed
	cfg.Journal.Displaced = c.w.displaced
	cfg.Journal.Dropped = func(row int) { c.heard.drops = append(c.heard.drops, row) }
	cfg.Deliver, cfg.Room = c.deliver(cfg.Deliver), c.room(cfg.Room)
	return cfg
}

// recordedRandom records the bytes that are read.
type recordedRandom struct {
	from io.Reader
	w    *Writer
}

func (r *recordedRandom) Read(b []byte) (int, error) {
	n, err := r.from.Read(b)
	if n > 0 {
		r.w.random(b[:n])
	}
	return n, err
}

// pushed records a message that a queue has taken. It runs on the goroutine that
// has queued it.
func (w *Writer) pushed(p *conn.Peer, n uint64, m conn.Message) {
	w.entry(Entry{
		Kind: Push, Peer: p.Number(), Step: n, Channel: m.Channel, Intent: uint8(m.Intent), Priority: int8(m.Priority), Payload: m.Payload,
		Token: m.Token, Pushed: m.Sent, Expires: m.Expires, Ask: m.Ask, Origin: m.Origin, Within: m.Within,
	})
}

// displaced records that a queue had to drop messages. It runs on the goroutine that
// has called the queue.
func (w *Writer) displaced(p *conn.Peer, n uint64, count int) {
	w.entry(Entry{Kind: Displaced, Peer: p.Number(), Step: n, Done: count})
}

// Checksum adds a delivered message to sum, an Outcome.Sum.
func Checksum(sum uint32, p *conn.Peer, pk *pipeline.Packet) uint32 {
	var b [8 + 4 + 1]byte
	binary.LittleEndian.PutUint64(b[:], p.Number())
	binary.LittleEndian.PutUint32(b[8:], pk.Channel)
	b[12] = byte(pk.Intent)
	return crc32.Update(crc32.Update(sum, crc32.IEEETable, b[:]), crc32.IEEETable, pk.Payload())
}

func (c *Core) deliver(next func(*conn.Peer, *pipeline.Packet) bool) func(*conn.Peer, *pipeline.Packet) bool {
	return func(p *conn.Peer, pk *pipeline.Packet) bool {
		o := &c.heard.outcome
		o.Sum = Checksum(o.Sum, p, pk)
		o.Delivered++
		returned := false
		defer func() {
			if !returned {
				c.heard.panics = append(c.heard.panics, o.Delivered-1)
			}
		}()
		taken := next(p, pk)
		returned = true
		if !taken {
			c.heard.refused = append(c.heard.refused, o.Delivered-1)
		}
		return taken
	}
}

func (c *Core) room(next func(*conn.Peer, uint32) bool) func(*conn.Peer, uint32) bool {
	return func(p *conn.Peer, channel uint32) bool {
		room := next(p, channel)
		answer := byte('0')
		if room {
			answer = '1'
		}
		c.heard.rooms = append(c.heard.rooms, answer)
		return room
	}
}

// input records an input with its effects.
func (c *Core) input(e Entry) { c.w.entry(c.tell(e)) }

// tell returns e with the effects since the last entry.
func (c *Core) tell(e Entry) Entry {
	h := &c.heard
	e.Outcome, e.Rooms, e.Panics, e.Refused = h.outcome, string(h.rooms), h.panics, h.refused
	h.forget()
	return e
}
