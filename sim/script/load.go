package script

import (
	"encoding/binary"
	"time"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/sim"
)

// Messages of loads begin with a byte that no text contains, the number of the
// load and their own.
const (
	loadMark   = 0xff
	loadHeader = 1 + 2 + 8
)

// load is a stream of messages.
type load struct {
	from    *sim.Node
	to      string // a name, or * for all connected peers
	intent  intentra.Intent
	channel uint32
	number  uint64
	stop    func()
}

type loadSpec struct {
	every    time.Duration
	size     sizes
	count    int
	ttl      time.Duration
	priority intentra.Priority
	token    bool
	stamp    bool
}

var loadSettings = map[string]func(*loadSpec, string) error{
	"every":    setting(toDuration, func(s *loadSpec) *time.Duration { return &s.every }),
	"size":     setting(toSizes, func(s *loadSpec) *sizes { return &s.size }),
	"count":    setting(toNumber, func(s *loadSpec) *int { return &s.count }),
	"ttl":      setting(toDuration, func(s *loadSpec) *time.Duration { return &s.ttl }),
	"priority": setting(toPriority, func(s *loadSpec) *intentra.Priority { return &s.priority }),
	"token":    setting(toYes, func(s *loadSpec) *bool { return &s.token }),
	"stamp":    setting(toYes, func(s *loadSpec) *bool { return &s.stamp }),
}

// route parses the sender, the receiver, the intent and the channel.
func (a *args) route() (from, to string, intent intentra.Intent, channel uint32) {
	from, to = a.node(), a.nodeOrAll()
	if a.err == nil && from == to {
		a.fail("%s and %s are the same", from, to)
	}
	return from, to, a.intent(), a.channel()
}

func sendCommand(a *args) action {
	from, to, intent, channel := a.route()
	text := a.next("the message")
	return func(r *run) error {
		m := intentra.Message{Channel: channel, Intent: intent, Payload: []byte(text)}
		r.say("%s", r.sendTo(r.named(from), to, m))
		return nil
	}
}

// sendTo sends a message and returns its result in words.
func (r *run) sendTo(from *sim.Node, to string, m intentra.Message) string {
	if to == "*" {
		b := from.Broadcast(m)
		return sentWords(b.Queued, b.Replaced, b.Dropped)
	}
	result := from.Send(r.named(to).Key(), m)
	if result.Err != nil {
		return result.Err.Error()
	}
	return statusWords[result.Status]
}

func loadCommand(a *args) action {
	from, to, intent, channel := a.route()
	spec := loadSpec{size: sizes{32, 32}}
	settings(a, &spec, loadSettings)
	if a.err == nil && spec.every <= 0 {
		a.fail("every is missing or zero")
	}
	return func(r *run) error {
		l := &load{from: r.named(from), to: to, intent: intent, channel: channel}
		number := uint16(len(r.loads))
		r.loads = append(r.loads, l)
		l.stop = r.w.Every(spec.every, func() {
			if spec.count > 0 && l.number >= uint64(spec.count) {
				l.stop()
				return
			}
			if l.from.Running() {
				m := intentra.Message{Channel: channel, Intent: intent, Payload: r.payload(l, number, spec.size), TTL: spec.ttl, Priority: spec.priority, Stamp: spec.stamp}
				if spec.token {
					m.Token = uint64(number)<<48 + l.number // which counts this one
				}
				r.sendTo(l.from, l.to, m)
			}
		})
		return nil
	}
}

func (r *run) payload(l *load, number uint16, s sizes) []byte {
	size := s.from
	if s.to > s.from {
		size += int(r.w.Rand().Uint64() % uint64(s.to-s.from+1))
	}
	r.scratch = append(r.scratch[:0], loadMark)
	r.scratch = binary.BigEndian.AppendUint16(r.scratch, number)
	r.scratch = binary.BigEndian.AppendUint64(r.scratch, l.number)
	l.number++
	for len(r.scratch) < size {
		r.scratch = append(r.scratch, byte(len(r.scratch)))
	}
	return r.scratch
}

func (r *run) stopLoads() {
	for _, l := range r.loads {
		l.stop()
	}
	for _, s := range r.starters {
		s.stop()
	}
}
