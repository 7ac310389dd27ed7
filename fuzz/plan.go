package fuzz

import (
	"bytes"
	"encoding/binary"

	"github.com/intentra/intentra/pipeline"
)

// plan is a parsed input: the packets and notices for any stage in one position. It does
// not change while stages run.
type plan struct {
	position Position
	events   []event
	packets  int
	size     int // of the largest arena
}

// event is a packet, or a notice if packet is nil.
type event struct {
	packet *packet
	notice notice
}

func newPlan(input []byte, position Position) *plan {
	p := &plan{position: position}
	w := newWorld(func(n notice) { p.events = append(p.events, event{notice: n}) })
	var made []*packet
	for _, s := range parseSteps(input) {
		switch s.kind {
		case stepTime:
			w.pass(s)
			continue
		case stepNotice:
			w.change(s)
			continue
		case stepAgain, stepFlipped:
			if len(made) == 0 {
				continue
			}
			if k := p.again(w, made[int(s.b)%len(made)], s); k != nil {
				p.add(k)
			}
			continue
		}
		k := p.make(w, s)
		made = append(made, k)
		p.add(k)
	}
	for i := range w.peers {
		w.closePeer(&w.peers[i])
	}
	return p
}

func (p *plan) add(k *packet) {
	k.number = p.packets
	p.packets++
	p.size = max(p.size, newLayout(k).end)
	p.events = append(p.events, event{packet: k})
}

// again repeats an earlier packet: before the replay window with the same counter, and
// elsewhere as a new packet with the same content.
func (p *plan) again(w *world, old *packet, s step) *packet {
	if p.position == Datagrams || p.position == Sealed || p.position == Opened {
		if old.of.Epoch != 0 && !w.isLive(old.of) {
			return nil // header parse would have dropped it
		}
		k := *old
		k.now, k.data = w.now, bytes.Clone(old.data)
		if !w.isLive(k.warmed) {
			k.warmed = pipeline.EpochNotice{}
		}
		if s.kind == stepFlipped {
			p.flip(&k, s)
		}
		return &k
	}
	repeated := old.step
	if s.kind == stepFlipped {
		repeated.body = bytes.Clone(repeated.body)
		flip(repeated.body, s)
	}
	return p.make(w, repeated)
}

// flip changes a bit of k that earlier stages do not check.
func (p *plan) flip(k *packet, s step) {
	switch p.position {
	case Sealed:
		const counter = 8 // its offset in the header
		flip(k.data[counter:], s)
		k.counter = binary.BigEndian.Uint64(k.data[counter:])
	case Opened:
		flip(k.data[k.from:k.to], s)
	default:
		flip(k.data, s)
	}
}

func flip(b []byte, s step) {
	if len(b) > 0 {
		bit := (int(s.a) + len(s.body)<<8) % (8 * len(b))
		b[bit/8] ^= 1 << (bit % 8)
	}
}

func (w *world) isLive(n pipeline.EpochNotice) bool {
	for i := range w.peers {
		for _, e := range w.peers[i].epochs {
			if e.EpochNotice == n {
				return true
			}
		}
	}
	return false
}
