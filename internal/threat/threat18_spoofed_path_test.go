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

// addressSpoofer is a malicious peer that sends from the addresses of victims and
// requests as many answers as possible.
type addressSpoofer struct {
	*maliciousPeer
	claimed, reflected map[netip.AddrPort]int // bytes from and to each victim's address
	datagrams          int                    // to victims

	accomplice netip.AddrPort            // an address at which it receives
	token      *[wire.PathTokenSize]byte // received there
}

func newAddressSpoofer(c *maliciousPeer) *addressSpoofer {
	p := &addressSpoofer{
		maliciousPeer: c, claimed: map[netip.AddrPort]int{}, reflected: map[netip.AddrPort]int{},
		accomplice: netip.MustParseAddrPort("198.51.100.18:18"),
	}
	c.heard = func(_ uint64, frames []byte) {
		for f := (wire.Frame{}); len(frames) > 0; {
			frames = frames[f.Parse(frames):]
			if f.Type == wire.FramePathChallenge {
				token := f.Token
				p.token = &token
			}
		}
	}
	c.s.Tap(func(d sim.Datagram) (pass sim.Action) {
		if d.To == p.accomplice {
			p.hear(d.Data)
		}
		if _, victim := p.claimed[d.To]; victim {
			p.reflected[d.To] += len(d.Data)
			p.datagrams++
		}
		return pass
	})
	c.s.Check("amplification limit", func(*sim.World) error {
		for victim, n := range p.reflected {
			if n > 3*p.claimed[victim] {
				return fmt.Errorf("%d B were sent to %v, from which %d B came", n, victim, p.claimed[victim])
			}
		}
		return nil
	})
	return p
}

// ask sends the frames from the victim's address.
func (p *addressSpoofer) ask(victim netip.AddrPort, frames []byte) {
	p.from = victim
	p.claimed[victim] += wire.Overhead + len(frames) // before the hub can answer
	p.send(frames)
}

// borrow gets the token for an accomplice's address and returns it from a victim's.
func (p *addressSpoofer) borrow(victim netip.AddrPort) {
	p.s.run(600 * time.Millisecond) // until the hub sends challenges again
	p.token = nil
	p.from = p.accomplice
	p.send(wire.AppendPing(nil))
	p.s.run(10 * time.Millisecond)
	require.NotNil(p.s.t, p.token, "the accomplice was not challenged")
	p.ask(victim, wire.AppendPing(nil)) // makes the victim's address the candidate
	p.ask(victim, wire.AppendPath(nil, wire.FramePathResponse, *p.token))
	p.s.run(10 * time.Millisecond)
}

// questions returns frames that request an answer.
func questions() [][]byte {
	challenge := wire.AppendPath(nil, wire.FramePathChallenge, [8]byte{1})
	return [][]byte{
		wire.AppendPing(nil),
		bytes.Repeat(wire.AppendPing(nil), 1000),
		challenge,
		bytes.Repeat(challenge, 130),
		wire.AppendPath(nil, wire.FramePathResponse, [8]byte{2}), // of a wrong token
		wire.AppendRekey(nil, wire.RekeyInit, make([]byte, 36)),
		wire.AppendReliable(challenge, 7, 1<<9, 0, nil), // a gap
		wire.AppendMessage(nil, wire.FrameRealtime, 7, nil),
	}
}

// A victim's address is sent at most three times the bytes that came from it, and
// nothing of the stream to the peer, even if the peer has a token from another
// address.
func TestThreat18SpoofedPath(t *testing.T) {
	var p *addressSpoofer
	const borrowed = 5
	asked := 0
	s, baseline, attacked := underAttack(t, 18, func(s *scene) {
		p = newAddressSpoofer(s.maliciousPeer())
		stop := s.Every(time.Millisecond, func() { // the stream
			s.hub.Send(p.Key(), intentra.Message{Channel: 1, Intent: intentra.Realtime, Payload: make([]byte, 1000)})
		})
		for i := range borrowed {
			p.borrow(netip.AddrPortFrom(netip.AddrFrom4([4]byte{203, 0, 113, byte(100 + i)}), 53))
			require.Zero(t, s.hub.Stats().Roams, "a token for one address proved another")
		}
		s.Every(10*time.Millisecond, func() {
			if asked == 400 {
				stop() // from here on answers do not share packets with the stream
			}
			p.next += 300 // makes the hub acknowledge with the longest bitmap
			asks := questions()
			kind := asked % len(asks)
			victim := 0 // the same for the first 200, then one for each question
			if asked >= 200 {
				victim = 1 + kind
			}
			p.ask(netip.AddrPortFrom(netip.AddrFrom4([4]byte{203, 0, 113, byte(victim)}), 53), asks[kind])
			asked++
		})
	})
	require.Zero(t, s.hub.Stats().Roams)
	require.Equal(t, p.Addr(), s.hub.Endpoint().Peer(p.Key()).Addr(), "the session stays at the proven address")
	require.Positive(t, p.datagrams)
	worst := 0.0
	for victim, n := range p.reflected {
		require.LessOrEqual(t, n, 3*p.claimed[victim])
		worst = max(worst, float64(n)/float64(p.claimed[victim]))
	}
	sent, got := 0, 0
	for victim, n := range p.claimed {
		sent, got = sent+n, got+p.reflected[victim]
	}
	require.Zero(t, closes(s.hub.Stats()))
	require.Equal(t, baseline, attacked)
	report(t, 18, "%d packets of %d B from victims' addresses, %d of them with a proof from elsewhere, and a stream of 1 MB/s: %d datagrams of %d B to victims, "+
		"at most %.2f times what came from there, roams 0; honest delivery %s without, %s with",
		asked+2*borrowed, sent, borrowed, p.datagrams, got, worst, percent(baseline), percent(attacked))
}
