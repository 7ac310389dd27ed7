package sim

import (
	"errors"
	"fmt"

	"github.com/intentra/intentra/pipeline"
)

// ErrConservation is returned when a packet, a message or a datagram is
// unaccounted for.
var ErrConservation = errors.New("not conserved")

// Conservation is a Checker of the nodes and links of a step. All packets and
// messages that entered a chain were accepted, consumed, or dropped by a stage
// for a reason; the inbound chain saw every datagram, and the user got every
// message that it accepted; every message taken from a queue entered the outbound
// chain; the LinkStats of each link add up. No packet was refused by the seal
// stage for its counter, which would mean that the endpoint used one twice.
func Conservation(w *World) error {
	w.checked()
	for _, n := range w.stepped {
		if err := n.conserved(); err != nil {
			return fmt.Errorf("%s: %w", n.name, err)
		}
	}
	for _, r := range w.crossed {
		if !r.stats.conserved() {
			return fmt.Errorf("%w: link from %s to %s: %+v", ErrConservation, r.from.nameOrEmpty(), r.to.nameOrEmpty(), r.stats)
		}
	}
	return nil
}

func (n *Node) conserved() error {
	e, in, out := n.proc.ep, &n.proc.inCounts, &n.proc.outCounts
	e.Inbound().Publish()
	e.Inbound().ReadCounts(in)
	if err := conserved(in); err != nil {
		return fmt.Errorf("inbound %w", err)
	}
	e.Outbound().Publish()
	e.Outbound().ReadCounts(out)
	if err := conserved(out); err != nil {
		return fmt.Errorf("outbound %w", err)
	}
	if seen := n.Stats().PacketsIn; seen != n.proc.received || seen != in.Packets.In {
		return fmt.Errorf("%w: of %d datagrams that arrived the endpoint has counted %d and its chain %d",
			ErrConservation, n.proc.received, seen, in.Packets.In)
	}
	// More is allowed: a user stage after dispatch may drop what was delivered.
	if in.Messages.Accepted > n.proc.taken {
		return fmt.Errorf("messages %w: %d accepted, %d delivered", ErrConservation, in.Messages.Accepted, n.proc.taken)
	}
	if taken := n.Stats().Taken; taken != out.Messages.In {
		return fmt.Errorf("messages %w: %d taken out of the queues, %d in the outbound chain", ErrConservation, taken, out.Messages.In)
	}
	if refused := sealRefused(out); refused > 0 {
		return fmt.Errorf("%w: %d packets refused by the seal stage", ErrKeyReuse, refused)
	}
	return nil
}

func sealRefused(out *pipeline.Counts) (packets uint64) {
	for i := range out.Drops {
		if out.Drops[i].Stage == "seal" && out.Drops[i].Reason == "reused" {
			packets += out.Drops[i].Packets
		}
	}
	return packets
}

func conserved(c *pipeline.Counts) error {
	packets, messages := c.Packets.Accepted+c.Packets.Consumed, c.Messages.Accepted+c.Messages.Consumed
	for i := range c.Drops {
		packets += c.Drops[i].Packets
		messages += c.Drops[i].Messages
	}
	if packets != c.Packets.In {
		return fmt.Errorf("packets %w: %d in, %d out", ErrConservation, c.Packets.In, packets)
	}
	if messages != c.Messages.In {
		return fmt.Errorf("messages %w: %d in, %d out", ErrConservation, c.Messages.In, messages)
	}
	return nil
}

func (s *LinkStats) conserved() bool {
	return s.Sent+s.Duplicated == s.Unreachable+s.Cut+s.TooLarge+s.Lost+s.Overflowed+s.Arrived+s.Missed+s.InFlight
}
