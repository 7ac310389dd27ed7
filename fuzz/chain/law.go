package chain

import (
	"bytes"
	"net/netip"

	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/stages/cookie"
	"github.com/intentra/intentra/wire"
)

// judge looks at what became of a packet: who it was taken for, and what came
// out of it.
func (c *crowd) judge(data []byte, v pipeline.Verdict) {
	l, name, frames, genuine := authentic(data)
	first := genuine && !c.taken[name]
	if c.p.Fresh() {
		c.require(c.p.Opened(), "a packet was taken for a peer's without having been opened")
		c.require(first, "a packet was taken for a peer's that is none, or for the second time: epoch %#x, counter %d", c.p.Epoch, c.p.Counter)
		c.require(name == packetName{c.p.Epoch, c.p.Counter}, "a packet was taken for another: epoch %#x, counter %d", c.p.Epoch, c.p.Counter)
		c.taken[name] = true
		c.ledger.sealed(l.session, frames)
	} else {
		c.require(!first || !c.exact, "a genuine packet was not accepted as that: epoch %#x, counter %d", name.epoch, name.counter)
		c.require(v != pipeline.Accept, "a packet was accepted that nobody is known to have sealed")
		c.require(!c.p.Struck() && len(c.yielded)+c.delivered == 0, "a packet that nobody is known to have sealed had effects")
	}
	if c.acks {
		c.require(c.delivered <= len(c.yielded), "%d messages were delivered of %d", c.delivered, len(c.yielded))
		for _, m := range c.yielded {
			c.require(c.ledger.yield(m), "a message was yielded that was not sealed, or more than once: %s", m)
		}
	}
}

// judgeHandshake looks at answers, and at what was let in to the handshake.
func (c *crowd) judgeHandshake(data []byte, from netip.AddrPort, v pipeline.Verdict, handshake bool) {
	c.judgeReply(data)
	if !c.exact {
		return
	}
	kind, _, ok := wire.Peek(data)
	isInit := ok && kind == wire.TypeInit
	answered := len(c.p.Reply) > 0
	c.require(!answered || isInit, "something else than an Init was answered, with %d bytes of Reply: of the default stages only cookie answers, look at %s", len(c.p.Reply), c.guests(c.in))
	c.require((v == pipeline.Consumed) == (answered || handshake), "a packet was consumed for nothing, or had effects and was not consumed")
	c.require(!answered || !handshake, "a packet was both challenged and let in")
	if answered {
		offered, ok := cookie.OpenChallenge(data, c.p.Reply)
		if !ok { // the datagram or the answer is of any length
			c.fail("an Init was answered by something else than its challenge: of the default stages only cookie answers, look at %s", c.guests(c.in))
			return
		}
		proof := append(bytes.Clone(wire.InitWithoutCookie(data)), offered[:]...)
		c.inits[from.String()+string(proof)] = true
		if from == home {
			c.init = proof
		}
	} else if isInit && handshake {
		c.require(c.inits[from.String()+string(data)], "a handshake began without a cookie for its address")
	}
}

// judgeReply holds an answer, which any stage may have set, to its question and
// to the memory that the driver has given for it.
func (c *crowd) judgeReply(data []byte) {
	n := len(c.p.Reply)
	if n == 0 {
		return
	}
	c.require(n <= len(data), "a reply of the wrong length: %d bytes were answered to %d, by which others can be flooded from a spoofed address; look at %s", n, len(data), c.guests(c.in))
	c.require(n <= cap(c.reply) && &c.p.Reply[0] == &c.reply[:1][0],
		"a reply of the wrong length or in other memory: %d bytes where %d fit; a stage appends to Reply[:0] within its capacity, look at %s", n, cap(c.reply), c.guests(c.in))
}

// ledger knows the messages that have been sealed in genuine packets.
type ledger struct {
	states   map[string]int             // Realtime and Latest, of the packet in hand
	reliable map[string]map[uint64]bool // the sequence numbers, by message
	yielded  map[string]int             // Reliable
}

func newLedger() ledger {
	return ledger{map[string]int{}, map[string]map[uint64]bool{}, map[string]int{}}
}

// sealed enters the frames of a packet that has been taken in.
func (l *ledger) sealed(session pipeline.ID, frames []byte) {
	clear(l.states)
	for len(frames) > 0 {
		var f wire.Frame
		n := f.Parse(frames)
		if n == 0 {
			return
		}
		frames = frames[n:]
		if !f.Type.IsMessage() {
			continue
		}
		m := messageName(session, pipeline.Intent(f.Type), f.Channel, f.Payload)
		if f.Type != wire.FrameReliable {
			l.states[m]++
			continue
		}
		if l.reliable[m] == nil {
			l.reliable[m] = map[uint64]bool{}
		}
		l.reliable[m][f.Seq] = true
	}
}

// yield takes a message out, and reports whether it was there: a state once for
// each frame of its packet, a Reliable message once for each sequence number.
func (l *ledger) yield(m string) bool {
	if numbers := l.reliable[m]; numbers != nil {
		l.yielded[m]++
		return l.yielded[m] <= len(numbers)
	}
	l.states[m]--
	return l.states[m] >= 0
}
