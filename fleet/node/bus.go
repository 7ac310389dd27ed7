package node

import (
	"encoding/hex"
	"fmt"
	"sync/atomic"

	"github.com/nats-io/nats.go"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/fleet/frame"
)

// inboxSize is how many NATS messages may wait for the node's loop: at 16 KiB a batch, 16
// MiB. Beyond it, the NATS library drops messages and counts them.
const inboxSize = 1024

// subjects are the NATS subjects of a fleet.
type subjects struct {
	heartbeat, directory string
	direct               string // a prefix
}

func newSubjects(fleet string) subjects {
	prefix := fmt.Sprintf("intentra.%d.%s.", frame.Version, fleet)
	return subjects{prefix + "heartbeat", prefix + "directory", prefix + "to."}
}

func (s subjects) to(k intentra.PublicKey) string { return s.direct + hex.EncodeToString(k[:]) }

// bus implements member.Bus. Calls are collected during a turn, in which the hub is
// locked, and carried out after it, because NATS may block.
type bus struct {
	subjects subjects
	conn     *nats.Conn
	in       chan *nats.Msg
	fixed    []*nats.Subscription

	calls  []call
	frames []byte

	unsent atomic.Uint64 // frames that NATS has not taken
}

// call is one call of a method of member.Bus.
type call struct {
	subject string
	size    int // of the frame
}

func (b *bus) publish(subject string, frame []byte) {
	b.calls = append(b.calls, call{subject, len(frame)})
	b.frames = append(b.frames, frame...)
}

// Heartbeat implements member.Bus.
func (b *bus) Heartbeat(frame []byte) { b.publish(b.subjects.heartbeat, frame) }

// Directory implements member.Bus.
func (b *bus) Directory(frame []byte) { b.publish(b.subjects.directory, frame) }

// Direct implements member.Bus.
func (b *bus) Direct(to intentra.PublicKey, frame []byte) { b.publish(b.subjects.to(to), frame) }

// flush carries out the calls.
func (b *bus) flush() {
	rest := b.frames
	for _, c := range b.calls {
		if b.conn.Publish(c.subject, rest[:c.size]) != nil {
			b.unsent.Add(1)
		}
		rest = rest[c.size:]
	}
	b.calls, b.frames = b.calls[:0], b.frames[:0]
}

// open subscribes to what every hub receives.
func (b *bus) open(self intentra.PublicKey) error {
	for _, subject := range []string{b.subjects.heartbeat, b.subjects.directory, b.subjects.to(self)} {
		s, err := b.conn.ChanSubscribe(subject, b.in)
		if err != nil {
			return err
		}
		b.fixed = append(b.fixed, s)
	}
	return nil
}

// dropped returns how many messages the NATS library has dropped, because the loop did not
// keep up. It is called on the loop.
func (b *bus) dropped() (n uint64) {
	for _, s := range b.fixed {
		d, _ := s.Dropped() // fails only if the subscription is closed
		n += uint64(d)
	}
	return n
}
