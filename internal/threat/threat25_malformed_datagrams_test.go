package threat

import (
	"bytes"
	"encoding/binary"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/sim"
	"github.com/intentra/intentra/wire"
)

// mangler derives malformed packets from a genuine one: truncated at every byte, too
// long, and with every value of the bytes for version, type and flags.
type mangler struct{ genuine []byte }

// variants calls f with each malformed packet, which f may keep.
func (m mangler) variants(f func(b []byte)) {
	n := len(m.genuine)
	for cut := range n {
		f(bytes.Clone(m.genuine[:cut]))
	}
	for _, size := range []int{n + 1, 2 * n, 1232, wire.MaxDatagram} {
		f(append(bytes.Clone(m.genuine), make([]byte, size-n)...))
	}
	change := func(at int, value byte) {
		if b := bytes.Clone(m.genuine); b[at] != value {
			b[at] = value
			f(b)
		}
	}
	for at := range 2 {
		for value := range 256 {
			change(at, byte(value))
		}
	}
	for at := 2; at < wire.HeaderSize; at++ {
		for bit := range 8 {
			change(at, m.genuine[at]^1<<bit)
		}
	}
}

// malformation returns the reason for which a datagram must be dropped according to
// section 2 of docs/PROTOCOL.md, or "" if its header is valid.
func malformation(b []byte) string {
	sizes := map[byte]int{2: 160, 3: 160, 4: 128, 5: 48}
	switch {
	case len(b) < 16:
		return "short"
	case b[0]>>4 != 1:
		return "version"
	case b[0]&15 < 1 || b[0]&15 > 5:
		return "type"
	case b[2] != 0 || b[3] != 0:
		return "reserved"
	}
	kind, receiver, rest := b[0]&15, binary.BigEndian.Uint32(b[4:]), binary.BigEndian.Uint64(b[8:])
	switch {
	case kind == 1 && b[1] != 0:
		return "reserved"
	case kind == 1 && len(b) < 32:
		return "short"
	case kind == 1:
		return ""
	case b[1] != 1 && b[1] != 2:
		return "reserved"
	case kind == 2 && (receiver != 0 || rest>>32 == 0 || uint32(rest) != 0):
		return "reserved"
	case kind != 2 && rest != 0:
		return "reserved"
	case len(b) != sizes[kind]:
		return "length"
	}
	return ""
}

// Each malformed packet to a listener or a dialer is dropped for the right reason,
// and the next genuine packet in either direction is accepted. A handshake during
// which a truncated copy of a packet arrives completes.
func TestThreat25MalformedDatagrams(t *testing.T) {
	s := newScene(t, 25)
	record := s.Record(1000)
	victim := s.node("victim", intentra.Config{})
	s.connect(victim)
	victim.Send(s.hub.Key(), greeting)
	s.hub.Send(victim.Key(), greeting)
	s.run(100 * time.Millisecond)
	record.Stop()

	delivered, good, bad := 0, 0, map[string]int{}
	for _, n := range []*sim.Node{s.hub, victim} {
		n.OnMessage = func(_ intentra.PublicKey, m intentra.Message) {
			if bytes.Equal(m.Payload, greeting.Payload) {
				delivered++
			}
		}
	}
	honest := func() {
		victim.Send(s.hub.Key(), greeting)
		s.hub.Send(victim.Key(), greeting)
		good += 2
		s.await(20*time.Millisecond, func() bool { return delivered == good })
	}
	for range 100 {
		honest()
	}
	baseline := float64(delivered) / float64(good)
	delivered, good = 0, 0
	for _, end := range []struct {
		to    *sim.Node
		kinds []wire.PacketType
	}{
		{s.hub, []wire.PacketType{wire.TypeInit, wire.TypeFinal, wire.TypeData}},
		{victim, []wire.PacketType{wire.TypeCookie, wire.TypeResponse, wire.TypeData}},
	} {
		for _, kind := range end.kinds {
			d := last(t, record.Kept(kind), end.to)
			mangler{d.Data}.variants(func(b []byte) {
				before, cookies := drops(end.to), end.to.Stats().CookiesSent
				s.Inject(d.From, d.To, b, 0)
				s.run(0)
				reason := malformation(b)
				if reason != "" {
					reason = "header/" + reason
				} else if reason = contents(d.Data, b); reason == "" {
					require.Equal(t, cookies+1, end.to.Stats().CookiesSent, "a well-formed Init is answered with a challenge")
					reason = "challenged"
				}
				bad[reason]++
				if reason != "challenged" {
					before[reason]++
				}
				require.Equal(t, before, drops(end.to), "%s of %d bytes to %s: % x", reason, len(b), end.to.Name(), b[:min(len(b), 16)])
				honest()
			})
		}
	}
	require.Zero(t, closes(s.hub.Stats())+closes(victim.Stats()))
	require.Zero(t, s.hub.Stats().Strikes+victim.Stats().Strikes)
	require.Zero(t, s.hub.Stats().Panics+victim.Stats().Panics)
	dials := cutHandshakes(t, s, victim)
	total := 0
	for _, n := range bad {
		total += n
	}
	require.Greater(t, total, 3000)
	report(t, 25, "%d malformed datagrams: %v; %d handshakes with a packet cut off, all up; honest delivery %s without, %s with",
		total, bad, dials, percent(baseline), percent(float64(delivered)/float64(good)))
}

// contents returns where a packet with a valid header, derived from a genuine one,
// must be dropped, or "" for an Init, which is answered.
func contents(genuine, b []byte) string {
	switch {
	case b[0]&15 == byte(wire.TypeInit):
		return ""
	case b[0]&15 != byte(wire.TypeData):
		return "header/handshake" // of no handshake in progress
	case !bytes.Equal(b[4:8], genuine[4:8]):
		return "header/unknown_index"
	}
	return "aead/forged"
}

// cutHandshakes restarts the victim for each byte of each kind of handshake packet
// and lets it dial. The packet truncated at that byte arrives before the genuine one.
func cutHandshakes(t *testing.T, s *scene, victim *sim.Node) (dials int) {
	sizes := [...]int{wire.TypeInit: wire.InitSize, wire.TypeResponse: wire.ResponseSize, wire.TypeFinal: wire.FinalSize, wire.TypeCookie: wire.CookiePacketSize}
	for kind := wire.TypeInit; kind <= wire.TypeCookie; kind++ {
		for cut := range sizes[kind] {
			if testing.Short() && cut%8 != 0 {
				continue
			}
			require.NoError(t, victim.Restart())
			injected := 0
			remove := s.Tap(func(d sim.Datagram) (pass sim.Action) {
				if (d.From == victim.Addr() || d.To == victim.Addr()) && d.Type() == kind {
					s.Inject(d.From, d.To, d.Data[:cut], 0)
					injected++
				}
				return pass
			})
			cutOff := func() uint64 {
				return s.hub.Drops("header", "short") + s.hub.Drops("header", "length") + victim.Drops("header", "short") + victim.Drops("header", "length")
			}
			before := cutOff()
			require.NoError(t, victim.Dial(s.hub.Key()))
			// Three round trips. A retransmission would come after 80 ms.
			s.await(60*time.Millisecond, func() bool { return victim.Connected(s.hub.Key()) })
			remove()
			require.NotZero(t, injected)
			require.EqualValues(t, injected, cutOff()-before)
			require.Zero(t, victim.Handshakes(conn.HandshakeFailed)+victim.Handshakes(conn.DialTimedOut))
			dials++
		}
	}
	return dials
}

// last returns the last of the datagrams sent to n.
func last(t *testing.T, all []sim.Datagram, n *sim.Node) (d sim.Datagram) {
	for _, one := range all {
		if one.To == n.Addr() {
			d = one
		}
	}
	require.NotEmpty(t, d.Data)
	return d
}

// drops returns the packets and messages dropped by n, by "stage/reason".
func drops(n *sim.Node) map[string]int {
	in, _ := n.Counts()
	all := map[string]int{}
	for _, d := range in.Drops {
		if d.Packets+d.Messages > 0 {
			all[d.Stage+"/"+d.Reason] = int(d.Packets + d.Messages)
		}
	}
	return all
}
