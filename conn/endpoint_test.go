package conn

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/stages/cookie"
	"github.com/intentra/intentra/wire"
)

// testStart is what the clock says at the beginning of a test without a network.
const testStart = pipeline.Time(time.Hour)

// testConfig accepts all peers.
func testConfig() Config {
	return Config{Rand: rand.NewChaCha8([32]byte{}), Authorize: func(context.Context, Handshake) bool { return true }}
}

// newEndpoint makes an endpoint that is on no network: the test passes its
// datagrams, events and jobs on itself.
func newEndpoint(t require.TestingT, change ...func(*Config)) *Endpoint {
	cfg := testConfig()
	cfg.Identity = newIdentity(t, 1)
	for _, c := range change {
		c(&cfg)
	}
	e, err := New(cfg)
	require.NoError(t, err)
	return e
}

func newIdentity(t require.TestingT, number uint16) Identity {
	id, err := NewIdentity([KeySize]byte{1, byte(number), byte(number >> 8)})
	require.NoError(t, err)
	return id
}

// runJobs runs the jobs that wait, and takes their results.
func (e *Endpoint) runJobs(now pipeline.Time) {
	for j := e.PollJob(); j != nil; j = e.PollJob() {
		j.Run()
		e.HandleJob(j, now)
	}
}

// Initiator begins handshakes that it never completes, from any address that it
// can receive at. The zero value is ready to use.
type Initiator struct{ Count uint64 }

// Begin brings e a first message with a valid cookie.
func (f *Initiator) Begin(t require.TestingT, e *Endpoint, from netip.AddrPort, now pipeline.Time) {
	init := f.Init()
	f.Prove(t, e, from, init, now)
	e.HandleDatagram(wire.Datagram{Data: init, Addr: from}, now)
}

// Init returns a new first message without a cookie.
func (f *Initiator) Init() []byte {
	f.Count++
	b := initWithLowOrderKey()
	binary.LittleEndian.PutUint64(b[wire.HeaderSize:], f.Count<<8|9) // as valid an ephemeral key as any
	return b
}

// Prove gets a cookie for the first message and puts it in.
func (f *Initiator) Prove(t require.TestingT, e *Endpoint, from netip.AddrPort, init []byte, now pipeline.Time) {
	e.HandleDatagram(wire.Datagram{Data: append([]byte(nil), init...), Addr: from}, now)
	out := e.Outgoing()
	require.Len(t, out, 1)
	c, ok := cookie.OpenChallenge(init, out[0].Data)
	require.True(t, ok)
	copy(wire.InitCookie(init), c[:])
}

// InitWithLowOrderKey returns a first message with a valid cookie that fails at
// the worker's first multiplication. So its slot is free again at once, and the
// same packet may come again: only the rate of handshakes limits it.
func (f *Initiator) InitWithLowOrderKey(t require.TestingT, e *Endpoint, from netip.AddrPort, now pipeline.Time) []byte {
	b := initWithLowOrderKey()
	f.Prove(t, e, from, b, now)
	return b
}

func initWithLowOrderKey() []byte {
	b := wire.AppendHeader(nil, wire.Header{Type: wire.TypeInit, Suite: wire.AESGCM, Sender: 7})
	return append(b, make([]byte, wire.InitSize-wire.HeaderSize)...)
}

// testAddr returns an address of 198.51.0.0/16.
func testAddr(i, port int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 51, byte(i >> 8), byte(i)}), uint16(port))
}
