package chain

import (
	"bytes"
	"net/netip"

	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/stages/cookie"
	"github.com/intentra/intentra/wire"
)

// judge checks the outcome of a packet: the peer that it was attributed to, and the
// messages that were yielded from it.
func (c *senders) judge(data []byte, v pipeline.Verdict) {
	l, name, frames, genuine := authentic(data)
	first := genuine && !c.taken[name]
	if c.Inbound.Fresh() {
		c.require(c.Inbound.Opened(), "a packet was marked fresh without having been opened")
		c.require(first, "a packet was marked fresh that no peer has sealed, or for the second time: epoch %#x, counter %d", c.Inbound.Epoch, c.Inbound.Counter)
		c.require(name == packetName{c.Inbound.Epoch, c.Inbound.Counter}, "a packet was attributed to another epoch or counter: epoch %#x, counter %d", c.Inbound.Epoch, c.Inbound.Counter)
		c.taken[name] = true
		c.ledger.sealed(l.Session, frames)
	} else {
		c.require(!first || !c.exact, "a genuine packet was not marked fresh: epoch %#x, counter %d", name.epoch, name.counter)
		c.require(v != pipeline.Accept, "a packet was accepted that no peer has sealed, or that is a replay")
		c.require(!c.Inbound.Struck() && len(c.yielded)+c.delivered == 0, "a packet that no peer has sealed, or a replay, yielded messages or counted against a peer")
	}
	if c.acks {
		c.require(c.delivered <= len(c.yielded), "%d messages were delivered, but only %d were yielded", c.delivered, len(c.yielded))
		for _, m := range c.yielded {
			c.require(c.ledger.yield(m), "a message was yielded that was not sealed, or more than once: %s", m)
		}
	}
}

// judgeHandshake checks replies, and which packets reached the handshake.
func (c *senders) judgeHandshake(data []byte, from netip.AddrPort, v pipeline.Verdict, handshake bool) {
	c.judgeReply(data)
	if !c.exact {
		return
	}
	kind, _, ok := wire.Peek(data)
	isInit := ok && kind == wire.TypeInit
	answered := len(c.Inbound.Reply) > 0
	c.require(!answered || isInit, "a packet that is no Init got a reply of %d bytes: of the default stages only cookie replies, look at %s", len(c.Inbound.Reply), c.userStages(c.In))
	c.require((v == pipeline.Consumed) == (answered || handshake), "a packet was consumed without a reply or a handshake, or had one and was not consumed")
	c.require(!answered || !handshake, "a packet got a challenge and also reached the handshake")
	if answered {
		offered, ok := cookie.OpenChallenge(data, c.Inbound.Reply)
		if !ok { // the datagram and the reply may have any length
			c.fail("the reply to an Init is not its challenge: of the default stages only cookie replies, look at %s", c.userStages(c.In))
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

// judgeReply checks a reply, which any stage may have set, against the length of the
// packet that it answers and the memory that the driver provides for it.
func (c *senders) judgeReply(data []byte) {
	n := len(c.Inbound.Reply)
	if n == 0 {
		return
	}
	c.require(n <= len(data), "a reply of the wrong length: %d bytes to a packet of %d, so that a spoofed address can be flooded; look at %s", n, len(data), c.userStages(c.In))
	c.require(n <= cap(c.reply) && &c.Inbound.Reply[0] == &c.reply[:1][0],
		"a reply of the wrong length or in other memory: %d bytes where %d fit; a stage appends to Reply[:0] within its capacity, look at %s", n, cap(c.reply), c.userStages(c.In))
}

// ledger holds the messages that were sealed in genuine packets.
type ledger struct {
	states   map[string]int             // Realtime and Latest, of the current packet
	reliable map[string]map[uint64]bool // the sequence numbers, by message
	yielded  map[string]int             // Reliable
}

func newLedger() ledger {
	return ledger{map[string]int{}, map[string]map[uint64]bool{}, map[string]int{}}
}

// sealed adds the frames of a packet that was accepted as genuine.
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

// yield takes out a message, and reports whether there was one: Realtime and Latest
// once for each frame of the packet, Reliable once for each sequence number.
func (l *ledger) yield(m string) bool {
	if numbers := l.reliable[m]; numbers != nil {
		l.yielded[m]++
		return l.yielded[m] <= len(numbers)
	}
	l.states[m]--
	return l.states[m] >= 0
}
