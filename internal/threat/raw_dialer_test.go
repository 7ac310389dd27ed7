package threat

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/internal/noise"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/sim"
	"github.com/intentra/intentra/stages/cookie"
	"github.com/intentra/intentra/wire"
)

// reach is the time that a datagram of a rawDialer takes to the hub.
const reach = 5 * time.Millisecond

// rawDialer begins handshakes with the hub from any address, at which it also
// receives. It is built from the primitives, so that no endpoint restricts it.
type rawDialer struct {
	s        *scene
	static   *noise.Static
	random   *rand.ChaCha8
	attempts map[netip.AddrPort]*attempt

	// idle dialers do not answer a challenge.
	idle bool
	// complete dialers answer message 2.
	complete bool

	proved uint64 // messages 1 sent with a cookie
	finals uint64 // messages 3 sent
	up     uint64 // handshakes confirmed by the hub
}

// attempt is one handshake of a rawDialer, from its own address.
type attempt struct {
	init      []byte
	machine   *noise.Initiator // nil if it will not be completed
	challenge []byte           // the latest answer of its type
	response  []byte           // the same
	confirmed bool
}

// newRawDialer returns a rawDialer whose key is derived from seed.
func newRawDialer(s *scene, seed byte) *rawDialer {
	c := &rawDialer{s: s, random: rand.NewChaCha8([32]byte{seed}), attempts: map[netip.AddrPort]*attempt{}}
	var err error
	c.static, err = noise.NewStatic(c.key())
	require.NoError(s.t, err)
	s.Tap(func(d sim.Datagram) (pass sim.Action) {
		if at := c.attempts[d.To]; at != nil && d.From == s.hub.Addr() {
			c.hear(at, d.To, d.Data)
		}
		return pass
	})
	return c
}

func (c *rawDialer) key() (key [noise.KeySize]byte) {
	_, _ = c.random.Read(key[:])
	return key
}

// begin sends a new message 1 from the address. It replaces the handshake begun
// there before.
func (c *rawDialer) begin(from netip.AddrPort) *attempt {
	at := &attempt{init: wire.AppendHeader(nil, wire.Header{Type: wire.TypeInit, Suite: wire.AESGCM, Sender: 7})}
	if c.complete {
		at.init = append(at.init, c.first(at)...)
	} else {
		// Almost any 32 bytes are a public key, and message 1 is not encrypted.
		key := c.key()
		at.init = append(append(at.init, key[:]...), make([]byte, wire.InitPadding)...)
	}
	at.init = append(at.init, make([]byte, wire.CookieSize)...)
	c.attempts[from] = at
	c.send(from, at.init)
	return at
}

// first starts the Noise handshake of an attempt that will be completed.
func (c *rawDialer) first(at *attempt) (message []byte) {
	prologue := append([]byte("intentra handshake"), wire.Version, byte(wire.AESGCM), 0, 0, 0, 7)
	machine, err := noise.NewInitiator(wire.AESGCM, c.static, prologue, c.key())
	require.NoError(c.s.t, err)
	message, err = machine.WriteInit(make([]byte, wire.InitPadding))
	require.NoError(c.s.t, err)
	at.machine = machine
	return message
}

// send sends a copy of the datagram to the hub.
func (c *rawDialer) send(from netip.AddrPort, data []byte) {
	c.s.Inject(from, c.s.hub.Addr(), data, reach)
}

// hear handles an answer of the hub.
func (c *rawDialer) hear(at *attempt, to netip.AddrPort, data []byte) {
	switch wire.PacketType(data[0] & 15) {
	case wire.TypeCookie:
		at.challenge = bytes.Clone(data)
		if !c.idle {
			c.prove(at, to)
		}
	case wire.TypeResponse:
		at.response = bytes.Clone(data)
		c.final(at, to)
	case wire.TypeData:
		if !at.confirmed {
			at.confirmed = true
			c.up++
		}
	}
}

// prove sends message 1 again, with the cookie from the challenge.
func (c *rawDialer) prove(at *attempt, from netip.AddrPort) {
	baked, ok := cookie.OpenChallenge(at.init, at.challenge)
	require.True(c.s.t, ok, "invalid challenge")
	if baked == ([wire.CookieSize]byte{}) {
		return // the handshake has to wait, which an attacker need not ask for again
	}
	copy(wire.InitCookie(at.init), baked[:])
	c.proved++
	c.send(from, at.init)
}

// final answers message 2.
func (c *rawDialer) final(at *attempt, from netip.AddrPort) {
	if at.machine == nil {
		return
	}
	answer, _, err := at.machine.ReadResponse(wire.NoiseMessage(at.response), wire.HelloSize)
	if err != nil {
		return // a repeated message 2, after the handshake
	}
	theirs, ok := wire.ParseHello(answer)
	require.True(c.s.t, ok)
	ours := wire.Hello{
		Index: 7, PacketRate: 10_000, PacketBurst: 500, IdleTimeout: 60_000, MaxDatagram: 1232, Window: wire.ReliableWindow,
	}
	message, _, err := at.machine.WriteFinal(wire.AppendHello(nil, ours))
	require.NoError(c.s.t, err)
	c.finals++
	packet := wire.AppendHeader(nil, wire.Header{Type: wire.TypeFinal, Suite: wire.AESGCM, Receiver: theirs.Index})
	c.send(from, append(packet, message...))
}

// v4 returns one of 65,536 unused IPv4 addresses, with a port.
func v4(i, port int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 18, byte(i >> 8), byte(i)}), uint16(port))
}

// v6 returns the address of a host in the IPv6 /64 with the given number.
func v6(prefix, host uint64) netip.AddrPort {
	ip := [16]byte{0x20, 0x01, 0x0d, 0xb8}
	binary.BigEndian.PutUint32(ip[4:], uint32(prefix))
	binary.BigEndian.PutUint64(ip[8:], host)
	return netip.AddrPortFrom(netip.AddrFrom16(ip), 4000)
}

// newcomer is an honest node that dials the hub during an attack.
type newcomer struct {
	*sim.Node
	dialled pipeline.Time
	up      bool
	took    time.Duration // from dialled until it was connected
}

// arrive adds a newcomer, which dials at once. If addr is zero it gets an address
// of its own. arrive may be called in a callback.
func (s *scene) arrive(name string, addr netip.AddrPort) *newcomer {
	node, err := s.Node(name, addr, intentra.Config{})
	require.NoError(s.t, err)
	n := &newcomer{Node: node, dialled: s.Now()}
	n.OnEvent = func(ev sim.Event) {
		if ev.Kind == conn.PeerUp && !n.up {
			n.up, n.took = true, time.Duration(ev.At-n.dialled)
		}
	}
	require.NoError(s.t, n.Dial(s.hub.Key()))
	return n
}

// slowest requires that all newcomers have connected, and returns the longest time
// that one took.
func slowest(t testing.TB, all []*newcomer) (d time.Duration) {
	t.Helper()
	require.NotEmpty(t, all)
	for _, n := range all {
		require.True(t, n.up, "%s has not connected", n.Name())
		d = max(d, n.took)
	}
	return d
}

// size scales the size of an attack: to a tenth with -short, but to no less than one.
func size(n int) int {
	if testing.Short() {
		n /= 10
	}
	return max(n, 1)
}
