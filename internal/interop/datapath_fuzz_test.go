package interop_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/pipeline"
	ackstage "github.com/intentra/intentra/stages/ack"
)

// The kinds of steps in an input of FuzzDataPath, by the first byte of a step.
const (
	weSay      = iota // messages through our outbound chain
	theySay           // well-formed frames of the other end
	theyMean          // any plaintext of the other end
	repeated          // an earlier datagram again
	changed           // an earlier datagram with one bit changed
	cut               // an earlier datagram, truncated
	timePasses        // up to 2.5 s
	weLeaveOut        // we skip the next counter
	theyJump          // the other end continues at another counter
	steps
)

// The attackers of FuzzDataPath are PEER, OBS and APP. The oracle is the data path
// implemented from PROTOCOL.md. Our packets are byte for byte what the document
// prescribes for their messages, and our ACKs are correct and complete. Whatever
// the other end sends, well-formed, malformed, repeated or changed, our chain and
// the oracle reject the same packets, find the same violations, and deliver the
// same messages in the same order.
func FuzzDataPath(f *testing.F) {
	f.Add(uint8(0), []byte{})
	f.Add(uint8(0), []byte{weSay, 4, 1, 2, 3, 2, 4, 5, 3, 6, 7, 3, 6, 1, theySay, 3, 1, 1, 4, 2, 9, 3, 3, 2, 0, 1, 1, weSay, 0})
	f.Add(uint8(1), []byte{theySay, 2, 3, 5, 1, 1, 3, theySay, 1, 3, 5, 0, 0, 1, repeated, 0, timePasses, 9, weSay | 0x80, 1, 1, 1, 1, weSay, 0})
	f.Add(uint8(1), []byte{weSay, 1, 1, 0, 1, weLeaveOut, weSay, 1, 1, 0, 1, theySay, 1, 4, 0, 1, 1, theySay, 2, 4, 0, 0, 0, 4, 1, 0, 0})
	f.Add(uint8(0), []byte{theyMean, 5, 1, 0x40, 1, 0, 9, theyMean, 3, 0, 0, 5, theyMean, 2, 6, 1, changed, 2, 77, cut, 1, 30})
	f.Add(uint8(1), []byte{theyMean, 0, theyMean, 9, 7, 1, 2, 3, 4, 5, 6, 7, 8, theyMean, 5, 9, 1, 2, 0xaa, 0xbb})
	f.Add(uint8(0), []byte{theyJump, 200, 0x20, theySay, 1, 2, 3, 4, theyJump, 1, 0x81, theySay, 1, 2, 3, 4, theySay | 0x80, 1, 2, 3, 4, theyJump, 9, 1, theySay, 1, 2, 3, 4})
	// ACKs out of order; a repeated packet; two messages that wait for a third; one
	// beyond the window.
	f.Add(uint8(0), []byte{weSay, 0, weSay, 0, theySay, 0, 4, 0x11, 0, theySay, 0, 4, 0x12, 0, theySay, 0, 4, 0x11, 1, theySay, 1, 4, 0x11, 0, 4, 0x12, 0})
	f.Add(uint8(1), []byte{theySay, 1, 3, 4, 1, 7, 3, 6, 2, 7, theySay, 0, 3, 9, 224, 1, theySay, 2, 3, 0, 0, 1, 3, 1, 0, 2, 3, 0, 0, 9})
	// An ACK of a counter that was skipped too long ago to be remembered.
	f.Add(uint8(0), append(append([]byte{weLeaveOut}, bytes.Repeat([]byte{weSay, 0}, 9)...), theySay, 0, 4, 0x1a, 0))
	f.Fuzz(func(t *testing.T, suite uint8, in []byte) {
		s := newSession(t, 1+suite%2)
		script := &script{in}
		for n := 0; len(script.in) > 0 && n < 100; n++ {
			s.step(script)
		}
		// Acknowledgements that are still owed are sent at the end.
		s.now += pipeline.Time(time.Second)
		s.say(1, nil)
		_, owed := s.acks.Deadline(sessionID)
		require.False(t, owed)
		s.conserve()
	})
}

// script is an input, read byte by byte. It reads as zeros after its end.
type script struct{ in []byte }

func (s *script) next() byte {
	if len(s.in) == 0 {
		return 0
	}
	b := s.in[0]
	s.in = s.in[1:]
	return b
}

func (s *session) step(in *script) {
	op := in.next()
	epoch := int(op >> 7)
	c := s.talker[epoch]
	switch op % 128 % steps {
	case weSay:
		var all []frame
		for range in.next() % 8 {
			all = append(all, frame{kind: 1 + in.next()%3, channel: channelOf(in.next()), payload: payloadOf(in.next())})
		}
		s.say(epoch, all)
	case theySay:
		var plain []byte
		for range in.next()%8 + 1 {
			plain = append(plain, s.theirs(in, epoch).bytes()...)
		}
		s.seal(c, plain)
	case theyMean:
		n := min(int(in.next()), len(in.in))
		s.seal(c, in.in[:n])
		in.in = in.in[n:]
	case repeated:
		s.hear(s.earlier(in))
	case changed:
		b := bytes.Clone(s.earlier(in))
		bit := int(in.next())<<8 | int(in.next())
		bit %= 8 * len(b)
		b[bit/8] ^= 1 << (bit % 8)
		s.hear(b)
	case cut:
		b := s.earlier(in)
		s.hear(b[:int(in.next())%len(b)])
	case timePasses:
		s.now += pipeline.Time(in.next()) * pipeline.Time(10*time.Millisecond)
	case weLeaveOut:
		s.acks.Tracker(sessionID, epochIDs[epoch]).Skip(new(ackstage.Outcome))
		e := s.document.epochs[epoch]
		e.leftOut[e.next] = true
		e.next++
	case theyJump:
		by, how := uint64(in.next()), in.next()
		if how >= 0x80 {
			c.next -= min(by<<(how%16), c.next)
		} else {
			c.next = min(c.next+by<<(how%24), 1<<28-1000)
		}
	}
}

// seal makes the other end send a packet with the plaintext.
func (s *session) seal(c *client, plain []byte) {
	s.sealed = append(s.sealed, c.seal(plain))
	s.hear(s.sealed[len(s.sealed)-1])
}

// earlier returns an earlier datagram of the other end, or a forged one.
func (s *session) earlier(in *script) []byte {
	if i := int(in.next()); len(s.sealed) > 0 {
		return s.sealed[i%len(s.sealed)]
	}
	return join([]byte{0x11, 0, 0, 0}, s.talker[0].remoteIndex, make([]byte, 40))
}

// theirs returns a well-formed frame with any content.
func (s *session) theirs(in *script, epoch int) frame {
	f := frame{kind: kinds[int(in.next())%len(kinds)]}
	switch f.kind {
	case 1, 2:
		f.channel, f.payload = channelOf(in.next()), payloadOf(in.next())
	case 3:
		ahead, back := in.next(), in.next()
		f.number = s.document.lowest + uint64(ahead)<<(back/32)
		f.number -= min(uint64(back%4), f.number)
		f.distance = uint16(min(uint64(back%32), f.number))
		f.channel, f.payload = channelOf(ahead), payloadOf(in.next())
	case 4:
		below, bits := in.next(), in.next()
		f.epoch = byte(epoch) ^ below>>6&1
		next := uint64(0)
		if int(f.epoch) < len(s.document.epochs) {
			next = s.document.epochs[f.epoch].next
		}
		f.epoch += below >> 7 * bits / 64
		f.number = next - min(uint64(below%16), next)
		f.upTo = s.document.reliableSent + 1 - min(uint64(below/16%4), s.document.reliableSent+1)
		if bits &= 1<<min(f.number, 8) - 1; bits != 0 {
			f.payload = []byte{bits}
		}
	case 6:
		f.payload = []byte{in.next()}
	case 7, 8:
		f.payload = bytes.Repeat([]byte{in.next()}, 8)
	case 9:
		f.step = in.next() % 4
		if f.step > 0 {
			f.payload = payloadOf(in.next())
		}
	case 0x20, 0x3f, 0x40, 0x5f:
		f.payload = payloadOf(in.next())
	}
	return f
}

// kinds are the types of well-formed frames: all of section 5, and some
// extensions.
var kinds = []byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0x20, 0x3f, 0x40, 0x5f}

// channelOf returns one of a few channels, at the limits of each varint size.
func channelOf(b byte) uint32 {
	return []uint32{0, 1, 63, 64, 16383, 16384, 1<<30 - 1, 1 << 30, 1<<32 - 1}[b%9]
}

// payloadOf returns a payload. Some sizes are at the limits of varint sizes.
func payloadOf(b byte) []byte {
	sizes := []int{0, 1, 8, 63, 64, 65, 200, 1100, 16383, 16384}
	return bytes.Repeat([]byte{b}, sizes[b%10])
}

// conserve checks that each packet and message is accounted for.
func (s *session) conserve() {
	s.acks.Release(s.in, sessionID)
	s.in.CloseSession(pipeline.SessionNotice{Peer: 1, Session: sessionID})
	require.Zero(s.t, s.acks.HeldBytes())
	for _, c := range []pipeline.Chain{s.in, s.out} {
		c.Publish()
		n := c.Counts()
		packets, messages := n.Packets.Accepted+n.Packets.Consumed, n.Messages.Accepted+n.Messages.Consumed
		for _, d := range n.Drops {
			packets += d.Packets
			messages += d.Messages
		}
		require.Equal(s.t, n.Packets.In, packets)
		require.Equal(s.t, n.Messages.In, messages)
	}
}
