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
	"github.com/intentra/intentra/internal/race"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/sim"
	"github.com/intentra/intentra/stages/cookie"
	"github.com/intentra/intentra/wire"
)

// reach is how long a datagram of a rawDialer's takes to the hub.
const reach = 5 * time.Millisecond

// rawDialer begins handshakes with the hub from any address that it likes, and
// receives there. It is made of the primitives alone: no endpoint holds it back.
type rawDialer struct {
	s      *scene
	static *noise.Static
	random *rand.ChaCha8
	calls  map[netip.AddrPort]*call

	// Idle callers keep the cookie that they get; others go on with it.
	idle bool
	// Complete has message 2 answered.
	complete bool

	proved uint64 // message 1 sent with its cookie
	finals uint64 // message 3 sent
	up     uint64 // handshakes that the hub has confirmed
}

// call is one handshake of a rawDialer, from an address of its own.
type call struct {
	init      []byte
	machine   *noise.Initiator // nil if it is not to be completed
	challenge []byte           // the latest answers, by type
	response  []byte
	confirmed bool
}

// newRawDialer returns a rawDialer with a key of its own, from the seed.
func newRawDialer(s *scene, seed byte) *rawDialer {
	c := &rawDialer{s: s, random: rand.NewChaCha8([32]byte{seed}), calls: map[netip.AddrPort]*call{}}
	var err error
	c.static, err = noise.NewStatic(c.key())
	require.NoError(s.t, err)
	s.Tap(func(d sim.Datagram) (pass sim.Action) {
		if at := c.calls[d.To]; at != nil && d.From == s.hub.Addr() {
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

// begin sends a new message 1 from the address, in place of what it has begun
// there before.
func (c *rawDialer) begin(from netip.AddrPort) *call {
	at := &call{init: wire.AppendHeader(nil, wire.Header{Type: wire.TypeInit, Suite: wire.AESGCM, Sender: 7})}
	if c.complete {
		at.init = append(at.init, c.first(at)...)
	} else {
		// Nearly any 32 bytes are a public key, and message 1 is in the clear.
		key := c.key()
		at.init = append(append(at.init, key[:]...), make([]byte, wire.InitPadding)...)
	}
	at.init = append(at.init, make([]byte, wire.CookieSize)...)
	c.calls[from] = at
	c.send(from, at.init)
	return at
}

// first starts the machine of a call that is to be completed.
func (c *rawDialer) first(at *call) (message []byte) {
	prologue := append([]byte("intentra handshake"), wire.Version, byte(wire.AESGCM), 0, 0, 0, 7)
	machine, err := noise.NewInitiator(wire.AESGCM, c.static, prologue, c.key())
	require.NoError(c.s.t, err)
	message, err = machine.WriteInit(make([]byte, wire.InitPadding))
	require.NoError(c.s.t, err)
	at.machine = machine
	return message
}

// send has a copy of the datagram arrive at the hub.
func (c *rawDialer) send(from netip.AddrPort, data []byte) {
	c.s.Inject(from, c.s.hub.Addr(), data, reach)
}

// hear takes what the hub answers.
func (c *rawDialer) hear(at *call, to netip.AddrPort, data []byte) {
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

// prove sends message 1 again, with the cookie that has come.
func (c *rawDialer) prove(at *call, from netip.AddrPort) {
	baked, ok := cookie.OpenChallenge(at.init, at.challenge)
	require.True(c.s.t, ok, "a challenge that is none")
	copy(wire.InitCookie(at.init), baked[:])
	c.proved++
	c.send(from, at.init)
}

// final answers message 2.
func (c *rawDialer) final(at *call, from netip.AddrPort) {
	if at.machine == nil {
		return
	}
	answer, _, err := at.machine.ReadResponse(wire.NoiseMessage(at.response), wire.HelloSize)
	if err != nil {
		return // a repeated one: the handshake is over
	}
	theirs, ok := wire.ParseHello(answer)
	require.True(c.s.t, ok)
	ours := wire.Hello{Index: 7, Rate: 10_000, Burst: 500, MaxDatagram: 1232}
	message, _, err := at.machine.WriteFinal(wire.AppendHello(nil, ours))
	require.NoError(c.s.t, err)
	c.finals++
	packet := wire.AppendHeader(nil, wire.Header{Type: wire.TypeFinal, Suite: wire.AESGCM, Receiver: theirs.Index})
	c.send(from, append(packet, message...))
}

// v4 is one of 65,536 IPv4 addresses that are nobody's, with a port.
func v4(i, port int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 18, byte(i >> 8), byte(i)}), uint16(port))
}

// v6 is the address of a host in the IPv6 /64 with the number.
func v6(prefix, host uint64) netip.AddrPort {
	ip := [16]byte{0x20, 0x01, 0x0d, 0xb8}
	binary.BigEndian.PutUint32(ip[4:], uint32(prefix))
	binary.BigEndian.PutUint64(ip[8:], host)
	return netip.AddrPortFrom(netip.AddrFrom16(ip), 4000)
}

// newcomer is an honest node that dials the hub while others attack it.
type newcomer struct {
	*sim.Node
	dialled pipeline.Time
	up      bool
	took    time.Duration // from then on, until it was connected
}

// arrive makes a newcomer, which dials at once, at an address of its own if addr
// is zero. It may be called in a callback.
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

// slowest requires that all newcomers have connected, and returns how long the
// one took that took longest.
func slowest(t testing.TB, all []*newcomer) (d time.Duration) {
	t.Helper()
	require.NotEmpty(t, all)
	for _, n := range all {
		require.True(t, n.up, "%s has not connected", n.Name())
		d = max(d, n.took)
	}
	return d
}

// size is how large an attack is: a tenth with -short, and a tenth of that
// under the race detector, but at least one.
func size(n int) int {
	if testing.Short() {
		n /= 10
	}
	if race.Enabled {
		n /= 10
	}
	return max(n, 1)
}
