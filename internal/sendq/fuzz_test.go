package sendq

import (
	"testing"

	"github.com/intentra/intentra/pipeline"
)

// FuzzQueue pushes any messages while the peer connects, disconnects and takes
// messages at any pace. The queue must behave like a model of two slices.
func FuzzQueue(f *testing.F) {
	f.Add([]byte("\x05\x01\x00\x21\x09\x00\x22\x10\x00\x21\x20\x01\x00\x05\x00\x00"))
	f.Add([]byte("\x05\x01\x00\x02\xff\x00\x12\xff\x00\x22\xff\x00\x32\xff\x00\x32\x01\x00\x32\xf0\x00"))
	f.Add([]byte("\x06\x01\x00\x03\x10\x00\x02\x10\x00\x05\x01\x00\x01\x10\x00\x07\x03\x00\x05\x00\x00\x05\x01\x00"))
	f.Add([]byte("\x05\x01\x00\x0b\x10\x00\x0b\xff\x00\x0b\x20\x00\x04\x03\x00\x0f\x00\x00\x04\x00\x00\x0b\x01\x00"))
	f.Fuzz(func(t *testing.T, ops []byte) {
		limits := Limits{StateMessages: 6, StateBytes: 900, ReliableMessages: 5, ReliableBytes: 700}
		if len(ops) > 0 && ops[0] >= 128 {
			limits = Limits{StateMessages: 1, StateBytes: 10, ReliableMessages: 1, ReliableBytes: 10}
		}
		p := newPair(t, limits)
		for ops = ops[:min(len(ops), 3000)]; len(ops) >= 3; ops = ops[3:] {
			p.step(ops[0], ops[1], ops[2])
			p.check()
		}
	})
}

// step decodes one call. Some are rare, so that the queue fills in between.
func (p *pair) step(op, a, b byte) {
	channel, n := uint32(op>>4%4), int(a)+int(b%2)
	m := func(intent pipeline.Intent) message {
		m := p.message(channel, intent, n)
		if op >= 128 && b%4 == 0 { // messages with marks are the minority
			m.priority = pipeline.Low + pipeline.Priority(b>>2%4)
		}
		if op >= 128 && b%8 > 4 {
			m.token = uint64(p.next)
		}
		if op >= 128 && b%16 < 3 {
			m.expires = p.now + 1 + pipeline.Time(b>>4)
		}
		return m
	}
	switch op % 16 {
	case 0, 1, 8:
		p.push(m(pipeline.Realtime))
	case 2, 9, 10:
		p.push(m(pipeline.Latest))
	case 3, 11:
		p.push(m(pipeline.Reliable))
	case 4:
		if op >= 128 && b%2 == 0 {
			p.takePlain(Frames{
				Room: 2 * int(a), Messages: int(b % 3), Bytes: int(b%3) * 10,
				MostMessages: int(b>>2%16) + 1, MostBytes: int(op) + int(b), Longest: int(b),
			})
			return
		}
		p.takeOf(a%2 == 1, pipeline.Low+pipeline.Priority(a>>1%4), int(b%8))
		p.take(a%2 == 1, int(b%8))
	case 5:
		p.setOnline(a%2 == 1)
	case 6:
		p.setHolding(a%2 == 1)
	case 7:
		if b%8 != 0 {
			second := p.message(channel, pipeline.Reliable, 0)
			second.givenUp = b%8 == 3
			if op >= 128 {
				second.priority = pipeline.Low + pipeline.Priority(b>>4%4)
			}
			p.restore([]message{m(pipeline.Reliable), second})
			return
		}
		p.waiting()
	case 12, 13:
		p.pushWait(m(1 + pipeline.Intent(a%3)))
	case 14:
		if b%2 == 0 {
			p.attend()
			return
		}
		p.expire(pipeline.Time(a % 8))
	case 15:
		if a == 255 && b > 200 {
			p.close()
			return
		}
		p.waiting()
	}
}
