package roam

import (
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/hub"
	"github.com/intentra/intentra/internal/loopback"
)

func newHub(t *testing.T) (*hub.Hub, hub.Address) {
	key, err := intentra.GenerateKey()
	require.NoError(t, err)
	h, err := hub.Listen("127.0.0.1:0", hub.Config{Transport: intentra.Config{Key: key}, Access: hub.AllowAny()})
	require.NoError(t, err)
	t.Cleanup(func() { _ = h.Close() })
	return h, hub.Address{Addr: h.Transport().LocalAddr().String(), Key: key.Public()}
}

// silentHub returns the address of a hub that never answers, and a channel that is closed when
// it is dialled.
func silentHub(t *testing.T) (a hub.Address, dialled chan struct{}) {
	key, err := intentra.GenerateKey()
	require.NoError(t, err)
	s, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	dialled = make(chan struct{})
	go func() {
		_, _, _ = s.ReadFrom(make([]byte, 2048)) // also ends with the test
		close(dialled)
	}()
	return hub.Address{Addr: s.LocalAddr().String(), Key: key.Public()}, dialled
}

// TestReplacedWhileItMoves: a client whose session is ended as replaced while it dials another
// hub goes on to the next one, also if that was not in its list when it began to move: the hub may
// have ended the session because of one that the client has not confirmed. The test ends the dial
// itself, so that no timeout decides.
func TestReplacedWhileItMoves(t *testing.T) {
	for _, later := range []bool{false, true} {
		t.Run(fmt.Sprint(later), func(t *testing.T) {
			ctx := loopback.Context(t)
			first, at := newHub(t)
			_, next := newHub(t)
			silent, dialled := silentHub(t)
			key, err := intentra.GenerateKey()
			require.NoError(t, err)
			moved := make(chan struct{}, 1)
			c, err := Dial(ctx, []hub.Address{at}, hub.ClientConfig{
				Transport: intentra.Config{Key: key, HandshakeTimeout: time.Minute, IdleTimeout: time.Minute, Unanswered: time.Minute},
				OnConnection: func(ev intentra.PeerEvent) {
					if ev.Kind == intentra.PeerUp && ev.Peer.Key() == next.Key {
						select {
						case moved <- struct{}{}:
						default:
						}
					}
				},
			})
			require.NoError(t, err)
			defer func() { _ = c.Close() }()
			p := c.Peer()
			list := []hub.Address{silent, next}
			if later {
				list = list[:1]
			}
			first.SetHubs(func(intentra.PublicKey) []hub.Address { return list }, true)
			loopback.Next(t, ctx, dialled)
			first.Remote(func(r *hub.Remote) { r.Replace(key.Public()) })
			loopback.Next(t, ctx, p.Done())
			if later {
				c.learn([]hub.Address{next}, false)
			}
			unanswering, known := p.Transport().Peer(silent.Key)
			require.True(t, known)
			require.NoError(t, unanswering.Close())
			loopback.Next(t, ctx, moved)
		})
	}
}
