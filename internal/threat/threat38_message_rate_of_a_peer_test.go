package threat

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/wire"
)

// A peer keeps to its packet rate and fills each packet with 400 empty messages, or with
// other frames that cost as much. Exactly its burst and its rate of messages are
// accepted, and the excess is dropped unopened. Other peers are not affected.
func TestThreat38MessageRateOfAPeer(t *testing.T) {
	const (
		tick    = time.Second / 9500
		each    = 400
		rate    = 40_000 // messages/s: a tenth of the default, for a shorter test
		burst   = rate * intentra.DefaultPeerBurst / intentra.DefaultPeerRate
		packets = 9500
	)
	var messages, pings []byte
	for range each {
		messages = wire.AppendMessage(messages, wire.FrameRealtime, 1, nil)
		pings = wire.AppendPing(pings)
	}
	for name, frames := range map[string][]byte{"empty messages": messages, "pings": pings} {
		t.Run(name, func(t *testing.T) {
			var flooder *maliciousPeer
			accepted := func(s *scene) int { return int(s.hub.PeerStats(flooder.Key()).PacketsIn) }
			before := 0
			s, baseline, attacked := underAttack(t, 38, func(s *scene) {
				flooder = s.maliciousPeer()
				before = accepted(s)
				stop := s.Every(tick, func() { flooder.send(frames) })
				s.After(time.Second, stop)
			}, func(hub *intentra.Config) { hub.PeerMessageRate = rate })
			require.InDelta(t, packets, flooder.sent, 1)
			passed := accepted(s) - before
			require.InDelta(t, (burst+rate)/each, passed, 3, "eight pings of each packet are free")
			require.EqualValues(t, flooder.sent-passed, s.hub.Drops("ratelimit", "message_rate"))
			require.Zero(t, s.hub.Drops("ratelimit", "peer_rate"))
			require.Zero(t, s.hub.Stats().Strikes)
			require.Zero(t, closes(s.hub.Stats()))
			require.Equal(t, baseline, attacked)
			report(t, 38, "%d packets/s of %d %s for 1 s, %d messages/s allowed: %d packets accepted, ratelimit/message_rate %d; honest delivery %s without, %s with",
				packets, each, name, rate, passed, s.hub.Drops("ratelimit", "message_rate"), percent(baseline), percent(attacked))
		})
	}
}
