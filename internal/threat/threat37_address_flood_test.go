package threat

import (
	"bytes"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/sim"
	"github.com/intentra/intentra/wire"
)

// A peer sends each of its packets from another address, to all addresses of the hub in
// turn, and asks for path responses; an observer forwards the packets of another session
// from ever other addresses; and challenges and responses are forged. The hub sends few
// challenges, one response for each packet, and nothing else to any of these addresses.
// Sessions stay where they are, and one that really moves is followed.
func TestThreat37AddressFlood(t *testing.T) {
	const seconds = int(honestTime / time.Second)
	var flooder, asker *maliciousPeer
	var far *sim.Node
	challenges, responses, forwarded, forged := 0, 0, 0, 0
	other := func(i int) netip.AddrPort {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{203, 0, byte(i >> 8), byte(i)}), 37)
	}
	elsewhere := netip.MustParseAddrPort("198.51.100.37:37")
	var followed time.Duration
	came, went := map[netip.AddrPort]int{}, map[netip.AddrPort]int{}
	s, baseline, attacked := underAttack(t, 37, func(s *scene) {
		require.NoError(t, s.hub.AddAddr(netip.MustParseAddr("10.200.0.2")))
		all := s.maliciousPeers(2, intentra.Config{})
		flooder, asker = all[0], all[1]
		far = s.node("far", intentra.Config{})
		s.connect(far)
		hub := s.hub.Addrs()
		inject := func(from, to netip.AddrPort, data []byte) {
			came[from] += len(data)
			s.Inject(from, to, data, 0)
		}
		s.Tap(func(d sim.Datagram) (pass sim.Action) {
			switch {
			case d.From == far.Addr() && far.Addr() != elsewhere && d.Type() == wire.TypeData:
				inject(other(1000+forwarded), d.To, d.Data) // before the original
				forwarded++
			case d.To.Addr().As4()[0] == 203:
				challenges++
				went[d.To] += len(d.Data)
			case d.To == asker.Addr():
				responses++
			}
			return pass
		})
		s.Check("amplification limit", func(*sim.World) error {
			for to, n := range went {
				if n > 3*came[to] {
					return fmt.Errorf("%d B were sent to %v, from which %d B came", n, to, came[to])
				}
			}
			return nil
		})
		challenge := wire.AppendPath(nil, wire.FramePathChallenge, [8]byte{1})
		i := 0
		s.Every(time.Millisecond, func() {
			i++
			flooder.from = other(i % 500)
			data := flooder.seal(wire.AppendPing(nil))
			inject(flooder.from, hub[i%2], data)
			asker.send(bytes.Repeat(challenge, 130))
			for _, frames := range [][]byte{challenge, wire.AppendPath(nil, wire.FramePathResponse, [8]byte{2})} {
				b := wire.AppendHeader(nil, wire.Header{Type: wire.TypeData, Receiver: flooder.index, Counter: uint64(1<<20 + i)})
				inject(other(i%500), hub[0], append(append(b, frames...), make([]byte, wire.Overhead)...))
				forged++
			}
		})
		s.Every(20*time.Millisecond, func() { far.Send(s.hub.Key(), greeting) })
		s.After(2*time.Second, func() {
			require.Equal(t, far.Addr(), s.hub.Endpoint().Peer(far.Key()).Addr())
			require.NoError(t, far.Rebind(elsewhere))
			began := s.Elapsed()
			s.Check("follow", func(*sim.World) error {
				if followed == 0 && s.hub.Endpoint().Peer(far.Key()).Addr() == elsewhere {
					followed = s.Elapsed() - began
				}
				return nil
			})
		})
	})
	require.EqualValues(t, 1, s.hub.Stats().Roams, "of the session that has really moved")
	require.Positive(t, followed)
	require.Less(t, followed, time.Second)
	require.Equal(t, flooder.Addr(), s.hub.Endpoint().Peer(flooder.Key()).Addr())
	require.Positive(t, challenges)
	require.LessOrEqual(t, challenges, 2*(4+4*(seconds+1)), "of two sessions: four at once and four per second")
	require.LessOrEqual(t, responses, asker.sent+asker.sent/100, "one response for each packet, and acknowledgements")
	require.EqualValues(t, forged, s.hub.Drops("aead", "forged"))
	require.Zero(t, closes(s.hub.Stats()))
	require.Zero(t, s.hub.Stats().Strikes)
	require.Equal(t, baseline, attacked)
	report(t, 37, "%d packets of a peer from 500 addresses, %d forwarded from as many others, %d forged: %d challenges, and %d datagrams in answer to %d packets of 130 challenges; "+
		"no session moved but one that had, after %v; honest delivery %s without, %s with",
		1000*seconds, forwarded, forged, challenges, responses, asker.sent, followed.Round(time.Millisecond), percent(baseline), percent(attacked))
}
