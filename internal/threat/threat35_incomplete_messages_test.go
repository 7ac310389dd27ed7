package threat

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/stages/ack"
	"github.com/intentra/intentra/wire"
)

// beginner is a malicious peer that begins messages and completes none.
type beginner struct {
	*maliciousPeer
	seq, channel uint32
}

// begin sends the first fragments of a Realtime, a Latest and a Reliable message, each on a
// channel of its own.
func (b *beginner) begin() {
	b.channel++
	var frames []byte
	for of := wire.FrameRealtime; of <= wire.FrameReliable; of++ {
		g := wire.Fragment{Of: of, Counter: uint32(b.next), Size: intentra.DefaultMaxMessage}
		frames = wire.AppendFragment(frames, g, b.channel, uint64(b.seq), 0, make([]byte, wire.FragmentUnit))
	}
	b.seq++
	b.send(frames)
}

// Messages that peers begin and do not complete occupy at most 4 MiB of a session and
// 64 MiB in all; a fragment is never delivered, and honest peers keep their delivery. Incomplete
// messages are freed after their time or with their session.
func TestThreat35IncompleteMessages(t *testing.T) {
	n := size(24) // at 4 MiB each: 96 MiB
	var attackers []*beginner
	var stop func()
	most, delivered := 0, 0
	s, baseline, attacked := underAttack(t, 35, func(s *scene) {
		for _, c := range s.maliciousPeers(n, intentra.Config{}) {
			attackers = append(attackers, &beginner{maliciousPeer: c})
		}
		before := s.hub.OnMessage
		s.hub.OnMessage = func(from intentra.PublicKey, m intentra.Message) {
			for _, a := range attackers {
				if a.Key() == from {
					delivered++
				}
			}
			if before != nil {
				before(from, m)
			}
		}
		stop = s.Every(20*time.Millisecond, func() {
			for _, a := range attackers {
				if a.seq < 200 {
					a.begin()
				}
			}
			most = max(most, stageOf[*ack.Stage](s).FragmentBytes())
		})
	})
	stop()
	require.Zero(t, delivered)
	require.LessOrEqual(t, most, ack.DefaultFragmentBytesTotal)
	require.Greater(t, most, min(n*ack.DefaultFragmentBytes, ack.DefaultFragmentBytesTotal)/2)
	require.Positive(t, s.hub.Drops("ack", "fragments_full"))
	require.Equal(t, baseline, attacked)
	contradict(t, s)

	s.run(intentra.DefaultIdleTimeout)
	require.Zero(t, stageOf[*ack.Stage](s).FragmentBytes())
	report(t, 35, "%d peers that complete nothing: %d KiB at most, ack/fragments_full %d, expired %d; honest delivery %s without, %s with",
		n, most>>10, s.hub.Drops("ack", "fragments_full"), s.hub.Drops("ack", "expired"), percent(baseline), percent(attacked))
}

// contradict has a peer send fragments that contradict each other until its session is
// closed.
func contradict(t *testing.T, s *scene) {
	c := s.maliciousPeer()
	for seq := range uint64(10) {
		g := wire.Fragment{Of: wire.FrameReliable, Size: 20_000, Offset: wire.FragmentUnit}
		c.send(wire.AppendFragment(nil, g, 1, seq, 0, make([]byte, wire.FragmentUnit)))
	}
	s.run(time.Second)
	require.EqualValues(t, 1, s.hub.Stats().Closes[wire.CloseViolation])
	require.EqualValues(t, 10, s.hub.Drops("ack", "fragment"))
}
