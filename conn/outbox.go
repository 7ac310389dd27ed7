package conn

import (
	"slices"

	"github.com/intentra/intentra/internal/fragment"
	"github.com/intentra/intentra/internal/sendq"
	"github.com/intentra/intentra/pipeline"
)

// outbox holds the messages of a session that are too large for a datagram, from when
// they leave the queue until they are sent, in the order in which they left. So those in the
// queue pass them. A session has it while it holds any.
//
// It also holds the Reliable messages that follow a large one on its channel.
type outbox struct {
	list  []*large // with something that was never sent
	ready []*large // whole Reliable messages whose turn it is: the large one before them was sent
	// repair are the Realtime and Latest messages of which all fragments were sent, and
	// some are neither acknowledged nor lost for good.
	repair []*large
	// follow counts the Reliable messages in list and ready by channel.
	follow map[uint32]int

	turn       bool // the next packet begins with fragments
	lost       int  // fragments of Latest messages to send again
	stateBytes int  // of the Realtime and Latest messages
	// lent are the Reliable ones in list and ready, and shown is what the queue knows of
	// them; see sendq.Queue.Lend.
	lent, shown loan
}

type loan struct{ messages, bytes int }

// large is a message in an outbox.
type large struct {
	channel uint32
	intent  pipeline.Intent
	// whole means that the message fits a packet, and follows a large one.
	whole    bool
	payload  []byte
	original []byte // before the user's stages, if there are any, and Reliable
	cut      fragment.Cut

	// The number of a Realtime or Latest message: that of the packet that carried its
	// first fragment.
	seq     uint32
	counter uint64
	parts   []part // of a Latest message, as far as they were sent
	unacked int    // of them
	backoff uint8
	// next is a newer message of the Latest channel, which begins when all fragments of
	// this one were sent once: otherwise a channel that changes faster than it is sent
	// would never arrive.
	next *large
	// returned means that a Reliable message is back in the queue.
	returned bool

	priority pipeline.Priority
	mark     sendq.Mark // without a Token once the fate is known
	// notice means that only the notice is left of a Reliable message that is given up.
	notice bool
}

// part is a fragment of a Latest message that was sent.
type part struct {
	epoch   pipeline.ID // of the packet that last carried it
	counter uint64
	sentAt  pipeline.Time
	tries   uint8
	state   partState
}

type partState uint8

const (
	partSent partState = iota
	partLost
	partAcked
)

// empty reports whether the outbox holds nothing.
func (o *outbox) empty() bool { return len(o.list)+len(o.ready)+len(o.repair) == 0 }

// unsent reports whether something waits that was never sent.
func (o *outbox) unsent() bool { return o != nil && len(o.list)+len(o.ready) > 0 }

// waits reports whether anything waits to be sent.
func (o *outbox) waits() bool { return o.unsent() || o != nil && o.lost > 0 }

// follows reports whether a Reliable message of the channel has to wait for others of it.
func (o *outbox) follows(channel uint32) bool { return o != nil && o.follow[channel] > 0 }

// latest returns the Latest message of the channel, or nil.
func (o *outbox) latest(channel uint32) *large {
	for _, list := range [...][]*large{o.list, o.repair} {
		for _, m := range list {
			if m.channel == channel && m.intent == pipeline.Latest {
				return m
			}
		}
	}
	return nil
}

// add appends m to what waits.
func (o *outbox) add(m *large) {
	if m.intent != pipeline.Reliable {
		o.stateBytes += len(m.payload)
		o.list = append(o.list, m)
		return
	}
	if o.follow == nil {
		o.follow = make(map[uint32]int)
	}
	o.follow[m.channel]++
	o.lent.bytes += len(m.payload)
	o.lent.messages++
	if m.whole && !o.largeBefore(m.channel) {
		o.ready = append(o.ready, m)
		return
	}
	o.list = append(o.list, m)
}

// largeBefore reports whether a Reliable message of the channel is in list.
func (o *outbox) largeBefore(channel uint32) bool {
	return slices.ContainsFunc(o.list, func(m *large) bool { return m.channel == channel && m.intent == pipeline.Reliable })
}

// leave removes a Reliable message that is in the lane now from list or ready. What
// follows a large one on its channel, up to the next large one, is ready then.
func (o *outbox) leave(m *large) {
	if o.follow[m.channel]--; o.follow[m.channel] == 0 {
		delete(o.follow, m.channel)
	}
	o.lent.bytes -= len(m.payload)
	o.lent.messages--
	if i := slices.Index(o.ready, m); i >= 0 {
		o.ready = slices.Delete(o.ready, i, i+1)
		return
	}
	o.list = slices.DeleteFunc(o.list, func(w *large) bool { return w == m })
	blocked := false
	o.list = slices.DeleteFunc(o.list, func(w *large) bool {
		if w.channel != m.channel || w.intent != pipeline.Reliable || blocked {
			return false
		}
		if blocked = !w.whole; !blocked {
			o.ready = append(o.ready, w)
		}
		return !blocked
	})
}

// remove removes a Realtime or Latest message.
func (o *outbox) remove(m *large) {
	o.stateBytes -= len(m.payload)
	for _, p := range m.parts {
		if p.state == partLost {
			o.lost--
		}
	}
	is := func(w *large) bool { return w == m }
	o.list = slices.DeleteFunc(o.list, is)
	o.repair = slices.DeleteFunc(o.repair, is)
}

// sent moves a Realtime or Latest message of which all fragments were sent: a Realtime
// one leaves, a Latest one is repaired, unless a newer one takes its place.
func (o *outbox) sent(m *large) (superseded bool) {
	if m.intent == pipeline.Latest && m.next == nil && m.unacked > 0 {
		o.list = slices.DeleteFunc(o.list, func(w *large) bool { return w == m })
		o.repair = append(o.repair, m)
		return false
	}
	o.remove(m)
	if m.next == nil {
		return false
	}
	o.add(m.next)
	return m.unacked > 0
}

// displace removes the Realtime or Latest message that makes room first: the oldest of
// those that are repaired, then of those of which nothing was sent, then of all. It returns nil
// if no such message waits.
func (o *outbox) displace() *large {
	var found *large
	if len(o.repair) > 0 {
		found = o.repair[0]
	}
	for _, m := range o.list {
		if found != nil && !found.cut.Started() || len(o.repair) > 0 {
			break
		}
		if m.intent != pipeline.Reliable && (found == nil || !m.cut.Started()) {
			found = m
		}
	}
	if found != nil {
		o.remove(found)
	}
	return found
}
