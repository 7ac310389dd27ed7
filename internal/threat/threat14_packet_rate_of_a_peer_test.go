package threat

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/wire"
)

// Of 50,000 packets/s from a peer, exactly its burst of 500 and 10,000/s are
// accepted. Other peers are not affected.
func TestThreat14PacketRateOfAPeer(t *testing.T) {
	const (
		tick  = time.Millisecond
		each  = 50 // packets a tick
		burst = intentra.DefaultPeerBurst
	)
	lasts := time.Duration(size(int(honestTime/time.Millisecond))) * time.Millisecond
	state := wire.AppendMessage(nil, wire.FrameRealtime, 7, make([]byte, 64))
	var flooder *maliciousPeer
	accepted := func(s *scene) int { return int(s.hub.PeerStats(flooder.Key()).PacketsIn) }
	before, atOnce := 0, 0
	s, baseline, attacked := underAttack(t, 14, func(s *scene) {
		flooder = s.maliciousPeer()
		before = accepted(s)
		for range 2 * burst {
			flooder.send(state)
		}
		s.After(0, func() { atOnce = accepted(s) - before })
		stop := s.Every(tick, func() {
			for range each {
				flooder.send(state)
			}
		})
		s.After(lasts+tick/2, stop)
	})
	require.Equal(t, burst, atOnce)
	ticks := int(lasts / tick)
	require.Equal(t, 2*burst+each*ticks, flooder.sent)
	rate := (accepted(s) - before - burst) * int(tick) * 1000 / int(lasts)
	require.Equal(t, intentra.DefaultPeerRate, rate)
	require.EqualValues(t, flooder.sent-(accepted(s)-before), s.hub.Drops("ratelimit", "peer_rate"))
	require.Zero(t, s.hub.Stats().Strikes)
	require.Zero(t, closes(s.hub.Stats()))
	require.Equal(t, baseline, attacked)
	report(t, 14, "%d packets/s for %v behind %d at once: accepted %d at once and %d/s, ratelimit/peer_rate %d; honest delivery %s without, %s with",
		each*int(time.Second/tick), lasts, 2*burst, atOnce, rate, s.hub.Drops("ratelimit", "peer_rate"), percent(baseline), percent(attacked))
}
