package threat

import (
	"bytes"
	"encoding/binary"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/sim"
	"github.com/intentra/intentra/stages/replay"
	"github.com/intentra/intentra/wire"
)

// counterForger replaces the counters of a peer's genuine packets with huge ones, to
// move the replay window beyond everything that the peer will send.
type counterForger struct {
	s    *scene
	last []byte // the latest genuine packet
	sent int
}

func newCounterForger(s *scene, victim *sim.Node) *counterForger {
	j := &counterForger{s: s}
	s.Tap(func(d sim.Datagram) (pass sim.Action) {
		if d.From == victim.Addr() && d.Type() == wire.TypeData {
			j.last = bytes.Clone(d.Data)
		}
		return pass
	})
	return j
}

// forge sends the latest packet with its counter increased by the given amount,
// modulo 2^64.
func (j *counterForger) forge(by uint64) {
	b := bytes.Clone(j.last)
	binary.BigEndian.PutUint64(b[8:], binary.BigEndian.Uint64(b[8:])+by)
	j.s.Inject(j.s.peers[0].Addr(), j.s.hub.Addr(), b, 0)
	j.sent++
}

// Forged counters leave the replay windows unchanged, byte for byte.
func TestThreat11ForgedCounters(t *testing.T) {
	jumps := []uint64{1, 2, 63, 64, 8191, 8192, 8193, 65536, 1 << 32, 1 << 62, 1<<63 - 1, 1 << 63, 1<<64 - 1, 1<<64 - 64}
	each := 5 * time.Millisecond
	if size(10) < 10 {
		each *= 10
	}
	var j *counterForger
	changes := 0
	s, baseline, attacked := underAttack(t, 11, func(s *scene) {
		windows := func() string { return written(inside(t, stageOf[*replay.Stage](s), "windows")) }
		j = newCounterForger(s, s.peers[0])
		s.peers[0].Send(s.hub.Key(), greeting)
		s.run(100 * time.Millisecond)
		latest := windows()
		attack := func() {
			before := windows()
			if before != latest {
				changes, latest = changes+1, before // by genuine packets
			}
			for _, by := range jumps {
				j.forge(by)
			}
			s.After(0, func() { require.True(t, before == windows()) })
		}
		// At other times than genuine packets arrive.
		s.After(time.Millisecond, func() { s.Every(each, attack) })
	})
	require.Greater(t, changes, 50)
	require.EqualValues(t, j.sent, s.hub.Drops("aead", "forged"))
	require.Zero(t, s.hub.Drops("replay", ""))
	require.Zero(t, s.hub.Stats().Strikes)
	require.Zero(t, s.hub.Stats().Rekeys, "forged counters do not cause a rekey")
	require.Equal(t, baseline, attacked)
	report(t, 11, "%d forged counters, from 1 to 2^64-1 above: aead/forged %d, replay 0, windows the same byte for byte; honest delivery %s without, %s with",
		j.sent, s.hub.Drops("aead", "forged"), percent(baseline), percent(attacked))
}
