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
	switch op % 16 {
	case 0, 1, 8:
		p.push(p.message(channel, pipeline.Realtime, n))
	case 2, 9, 10:
		p.push(p.message(channel, pipeline.Latest, n))
	case 3, 11:
		p.push(p.message(channel, pipeline.Reliable, n))
	case 4:
		p.take(a%2 == 1, int(b%8))
	case 5:
		p.setOnline(a%2 == 1)
	case 6:
		p.setHolding(a%2 == 1)
	case 7:
		if b%8 != 0 {
			p.restore([]message{p.message(channel, pipeline.Reliable, n), p.message(channel, pipeline.Reliable, 0)})
			return
		}
		p.waiting()
	case 12, 13, 14:
		p.pushWait(p.message(channel, 1+pipeline.Intent(a%3), n))
	case 15:
		if a == 255 && b > 200 {
			p.close()
			return
		}
		p.waiting()
	}
}
