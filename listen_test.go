package intentra_test

import (
	"errors"
	"net/netip"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/internal/loopback"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/stages"
)

func TestListenOnAPortInUse(t *testing.T) {
	l := loopback.Listen(t, intentra.Config{})
	_, err := intentra.Listen(l.LocalAddr().String(), intentra.Config{Key: loopback.Key(t)})
	require.ErrorIs(t, err, syscall.EADDRINUSE)
	require.ErrorContains(t, err, l.LocalAddr().String())
}

func TestListenRefusesBadAddresses(t *testing.T) {
	for _, addr := range []string{"127.0.0.1", "127.0.0.1:port", "127.0.0.1:65536", "127.0.0.1:-1", "[::1:0", "no such host:0", "::1:99999:x"} {
		_, err := intentra.Listen(addr, intentra.Config{Key: loopback.Key(t)})
		require.Error(t, err, addr)
		require.ErrorContains(t, err, addr)
		require.ErrorContains(t, err, "intentra:")
	}
	// TEST-NET-1 (RFC 5737), which no machine has.
	_, err := intentra.Listen("192.0.2.1:4711", intentra.Config{Key: loopback.Key(t)})
	require.ErrorIs(t, err, syscall.EADDRNOTAVAIL)
	require.ErrorContains(t, err, "192.0.2.1:4711")
}

func TestListenOnAllAddresses(t *testing.T) {
	ctx := loopback.Context(t)
	for _, addr := range []string{":0", "0.0.0.0:0", "localhost:0"} {
		l := loopback.ListenOn(t, addr, intentra.Config{})
		require.NotZero(t, l.LocalAddr().Port())
		at := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), l.LocalAddr().Port())
		p := loopback.DialAddr(t, at, l.PublicKey(), intentra.Config{})
		require.Equal(t, intentra.Queued, p.Send(loopback.Realtime("here")).Status)
		r := loopback.Receive(t, ctx, l)
		require.True(t, r.Peer.Addr().Addr().Is4(), "an IPv4-mapped address is unmapped: %v", r.Peer.Addr())
		require.Equal(t, at, p.Addr())
	}
}

// An order of stages in which one would read ciphertext is refused. The error names
// both stages.
func TestListenRefusesUnsafeChains(t *testing.T) {
	geofence := pipeline.Func("geofence", nil, func(*pipeline.Packet) pipeline.Verdict { return pipeline.Accept })
	own := errors.New("no map loaded")
	for name, c := range map[string]struct {
		change func(s *stages.Set) error
		is     error
		names  []string
	}{
		"inbound plaintext before the cipher": {
			func(s *stages.Set) error { s.InsertBefore("aead", geofence); return nil },
			pipeline.ErrOrder, []string{`"geofence"`, `"aead"`},
		},
		"outbound plaintext behind the cipher": {
			func(s *stages.Set) error { s.Outbound.InsertAfter("seal", geofence); return nil },
			pipeline.ErrOrder, []string{`"geofence"`, `"seal"`},
		},
		"unknown anchor": {
			func(s *stages.Set) error { s.InsertAfter("geometry", geofence); return nil },
			pipeline.ErrUnknownAnchor, []string{`"geometry"`},
		},
		"same name twice": {
			func(s *stages.Set) error { s.InsertAfter("ack", geofence).InsertAfter("ack", geofence); return nil },
			pipeline.ErrDuplicate, []string{`"geofence"`},
		},
		"a guard removed": {
			func(s *stages.Set) error { s.Remove("replay"); return nil },
			pipeline.ErrUnguarded, []string{`"replay"`, "InsecureWithout"},
		},
		"the callback's own error": {
			func(*stages.Set) error { return own }, own, nil,
		},
	} {
		err := try(intentra.Config{Key: loopback.Key(t), Stages: c.change})
		require.ErrorIs(t, err, c.is, name)
		require.ErrorContains(t, err, "intentra:", name)
		for _, n := range c.names {
			require.ErrorContains(t, err, n, name)
		}
	}
	require.NoError(t, try(intentra.Config{
		Key:          loopback.Key(t),
		Stages:       func(s *stages.Set) error { s.Remove("replay"); return nil },
		BuildOptions: []pipeline.Option{pipeline.InsecureWithout("replay")},
	}))
}
