package sim

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/pipeline"
)

// A later session leaves out nothing, unless something sent before was given up.
func TestStreamOverSessions(t *testing.T) {
	h := holding{proc: new(process), peer: new(conn.Peer)}
	send := func(s *stream, h holding, text string) {
		for _, m := range text {
			s.promise(h, false)
			s.send([]byte{byte(m)}, 0, false)
		}
		s.sender = h
	}
	for name, change := range map[string]func(h *holding){
		"the same sender":    func(*holding) {},
		"another process":    func(h *holding) { h.proc = new(process) },
		"another peer":       func(h *holding) { h.peer = new(conn.Peer) },
		"something given up": func(h *holding) { h.givenUp++ },
	} {
		t.Run(name, func(t *testing.T) {
			now := h
			change(&now)
			refused := now == h

			s := &stream{key: streamKey{intent: intentra.Reliable}}
			send(s, h, "abc")
			s.sender = now
			require.Equal(t, refused, s.deliver([]byte("b"), 1) != nil, "a is the first message")

			s = &stream{key: streamKey{intent: intentra.Reliable}}
			send(s, h, "abcdef")
			for _, m := range "abc" {
				require.NoError(t, s.deliver([]byte{byte(m)}, 1))
			}
			require.NoError(t, s.deliver([]byte("b"), 2), "repeated, as its acknowledgement was lost")
			require.NoError(t, s.deliver([]byte("c"), 2))
			send(s, now, "gh")
			// Messages under way still arrive after others were given up.
			require.NoError(t, s.deliver([]byte("d"), 2))
			require.Equal(t, refused, s.deliver([]byte("g"), 3) != nil, "e and f are missing")
			require.ErrorIs(t, s.deliver([]byte("h"), 4), map[bool]error{true: ErrGap, false: nil}[refused])
		})
	}
	// Messages sent after that are not excused.
	s := &stream{key: streamKey{intent: intentra.Reliable}}
	send(s, h, "ab")
	h.givenUp++
	send(s, h, "cd")
	require.ErrorIs(t, s.deliver([]byte("d"), 1), ErrGap)
	require.NoError(t, s.deliver([]byte("c"), 2))
}

// The memory of a stream is bounded.
func TestStreamForgets(t *testing.T) {
	for _, intent := range []intentra.Intent{intentra.Realtime, intentra.Latest, intentra.Reliable} {
		a := &audit{streams: map[streamKey]*stream{}}
		s := a.stream(intentra.PublicKey{1}, intentra.PublicKey{2}, intentra.Message{Intent: intent})
		payload := func(i int) []byte { return binary.BigEndian.AppendUint64(nil, uint64(i)) }
		for i := range 5 * streamKept {
			s.send(payload(i), pipeline.Time(i)*pipeline.Time(time.Second), false)
		}
		require.Equal(t, streamKept+1, s.len())
		require.LessOrEqual(t, len(s.sent), 3*streamKept)
		require.LessOrEqual(t, len(s.counts), streamKept+1)
		require.ErrorIs(t, s.deliver(payload(1), 1), ErrNotSent)
		require.NoError(t, s.deliver(payload(5*streamKept-10), 1))
		require.NoError(t, s.deliver(payload(5*streamKept-9), 1))
	}
	// Recent messages are kept, however many there are.
	s := &stream{key: streamKey{intent: intentra.Latest}}
	for range 2 * streamKept {
		s.send([]byte("x"), 1, false)
	}
	require.Equal(t, 2*streamKept, s.len())
}

// Equal messages may be at several positions of a Reliable channel.
func TestStreamOfEqualMessages(t *testing.T) {
	s := &stream{key: streamKey{intent: intentra.Reliable}}
	for _, m := range "aabab" {
		s.send([]byte{byte(m)}, 0, m == 'L')
	}
	for _, m := range "ab" {
		require.NoError(t, s.deliver([]byte{byte(m)}, 1))
	}
	require.NoError(t, s.deliver([]byte("a"), 1), "aba may be the 2nd to 4th")
	require.NoError(t, s.deliver([]byte("b"), 1))
	require.ErrorIs(t, s.deliver([]byte("b"), 1), ErrGap)
	require.NoError(t, s.deliver([]byte("b"), 2), "another session may begin anywhere")
	require.ErrorIs(t, s.deliver([]byte("c"), 2), ErrNotSent)
}

// Only messages too large for the receiver may be left out.
func TestStreamWithTooLargeMessages(t *testing.T) {
	s := &stream{key: streamKey{intent: intentra.Reliable}}
	for _, m := range "aLbLcd" {
		s.send([]byte{byte(m)}, 0, m == 'L')
	}
	require.NoError(t, s.deliver([]byte("a"), 1))
	require.NoError(t, s.deliver([]byte("b"), 1))
	require.ErrorIs(t, s.deliver([]byte("d"), 1), ErrGap, "c is not too large")
	require.NoError(t, s.deliver([]byte("c"), 1))
}

// A message too large for its receiver does not renew a promise that was given
// up.
func TestUndeliveredForgetsWhatIsGivenUp(t *testing.T) {
	s := &stream{key: streamKey{intent: intentra.Reliable}}
	h := holding{proc: new(process), peer: new(conn.Peer)}
	s.promise(h, false)
	s.send([]byte("a"), 0, false)
	h.givenUp++
	s.promise(h, true)
	s.send([]byte("too large"), 0, true)
	require.NotEqual(t, h, s.due)
	require.EqualValues(t, 1, s.owed)
	s.promise(h, false)
	require.Equal(t, h, s.due)
	require.EqualValues(t, 3, s.owed)
}
