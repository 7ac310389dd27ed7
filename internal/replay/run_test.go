package replay_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/internal/journal"
	"github.com/intentra/intentra/internal/replay"
	"github.com/intentra/intentra/pipeline"
)

func TestRunNeedsACapture(t *testing.T) {
	s := states(t, 3)
	keys, err := parse(s)
	require.NoError(t, err)
	_, err = replay.Run(nil, replay.Options{Keys: keys})
	require.ErrorIs(t, err, replay.ErrNoCapture)
	_, err = replay.Run(mustCapture(t, s.capture.Bytes()), replay.Options{})
	require.ErrorIs(t, err, replay.ErrNoKeys)

	_, err = replay.Run(new(journal.Capture), replay.Options{Keys: keys})
	require.ErrorContains(t, err, "was not opened with Open or NewCapture")
	require.PanicsWithValue(t, "replay: NewFrames needs a writer", func() { replay.NewFrames(nil) })

	c := mustCapture(t, s.capture.Bytes())
	res, err := replay.Run(c, replay.Options{Keys: keys})
	require.NoError(t, err)
	require.True(t, res.Same())
	res, err = replay.Run(c, replay.Options{Keys: keys})
	require.ErrorIs(t, err, journal.ErrCapture)
	require.ErrorContains(t, err, "open it again")
	require.False(t, res.Same(), "nothing was replayed")
}

// A replay of nothing is not reported as identical.
func TestNothingReplayedIsNotSame(t *testing.T) {
	require.False(t, new(replay.Result).Same())
	s := states(t, 3)
	keys, err := parse(s)
	require.NoError(t, err)
	// A recording with only its first entry, and a capture without packets.
	for _, capture := range [][]byte{join(split(t, s.capture.Bytes())[:3]), pcap(nil)} {
		res, err := replay.Run(mustCapture(t, capture), replay.Options{Keys: keys})
		require.NoError(t, err)
		require.NotNil(t, res.Differences)
		require.Empty(t, res.Differences)
		require.False(t, res.Same())
	}
}

// A panic of a view ends the replay with an error, and is not counted by the chain.
func TestViewThatPanics(t *testing.T) {
	s := states(t, 10)
	keys, err := parse(s)
	require.NoError(t, err)
	for name, capture := range map[string][]byte{"journal": s.capture.Bytes(), "plain": stripped(t, s.capture.Bytes(), unchanged)} {
		for _, stage := range []string{"header", "ack"} {
			calls := 0
			o := replay.Options{Keys: keys, Views: map[string]func(replay.View){stage: func(replay.View) {
				if calls++; calls == 3 {
					panic("of a view")
				}
			}}}
			res, err := replay.Run(mustCapture(t, capture), o)
			require.ErrorIs(t, err, replay.ErrView, name)
			require.ErrorContains(t, err, `stage "`+stage+`", packet `)
			require.ErrorContains(t, err, "of a view")
			require.ErrorContains(t, err, "run_test.go", "no stack trace")
			require.Empty(t, res.Differences, name)
			require.Equal(t, 3, calls, "the replay went on")
			for total := range res.Totals() {
				require.NotContains(t, total, "panic")
			}
		}
	}
}

// A block that is missing, repeated or changed is an error of the file, not a
// difference.
func TestDamagedRecordingIsRefused(t *testing.T) {
	s := states(t, 20)
	keys, err := parse(s)
	require.NoError(t, err)
	whole := s.capture.Bytes()
	var blocks [][]byte
	for rest := whole; len(rest) > 0; {
		n := int(rest[4]) | int(rest[5])<<8 // none is larger
		blocks, rest = append(blocks, rest[:n]), rest[n:]
	}
	parts := split(t, whole)
	require.Len(t, blocks, len(parts))
	replaced := func(except int, instead ...[]byte) (out []byte) {
		for i, b := range blocks {
			if i == except {
				for _, b := range instead {
					out = append(out, b...)
				}
				continue
			}
			out = append(out, b...)
		}
		return out
	}
	for i := 3; i < len(blocks)-1; i += 11 {
		for name, damaged := range map[string][]byte{
			"missing":  replaced(i),
			"repeated": replaced(i, blocks[i], blocks[i]),
			"changed":  replaced(i, join([]block{parts[i]})), // numbered as the first entry
		} {
			res, err := replay.Run(mustCapture(t, damaged), replay.Options{Keys: keys})
			require.ErrorIs(t, err, journal.ErrCapture, "%s: block %d", name, i)
			require.Empty(t, res.Differences)
			require.False(t, res.Whole)
		}
	}
}

// A replay keeps nothing for peers that the core has forgotten.
func TestForgottenPeersAreReleased(t *testing.T) {
	w := newWorld(t, 1)
	hub := w.node(intentra.Config{Authorize: intentra.AllowAny, StrikeWindow: time.Second, ForgetAfter: time.Second})
	for range 12 {
		s := w.node(intentra.Config{})
		s.dial(hub, s.identity)
		w.run(50 * time.Millisecond)
		last := hub.peers[len(hub.peers)-1]
		hub.push(last, 1, intentra.Reliable, number(1))
		hub.closePeer(last)
		s.closePeer(s.peers[0])
		w.run(1500 * time.Millisecond)
		// The user still holds the forgotten peer.
		hub.push(last, 1, intentra.Reliable, number(2))
		hub.closePeer(last)
		hub.call(func(c *journal.Core, _ pipeline.Time) { c.MarkReady(last) })
	}
	w.end()
	require.Len(t, hub.peers, 12)
	w.requireSame(options())
	keys, err := parse(hub)
	require.NoError(t, err)
	most, pushes, err := replay.Kept(mustCapture(t, hub.capture.Bytes()), replay.Options{Keys: keys})
	require.NoError(t, err)
	require.Positive(t, most)
	require.LessOrEqual(t, most, 2)
	require.Zero(t, pushes)
}
