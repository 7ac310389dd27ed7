package roam

import (
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/hub"
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
// hub goes on: the hub may have ended it because of a session that the client has not confirmed.
func TestReplacedWhileItMoves(t *testing.T) {
	first, at := newHub(t)
	_, next := newHub(t)
	silent, dialled := silentHub(t)
	key, err := intentra.GenerateKey()
	require.NoError(t, err)
	c, err := Dial(t.Context(), []hub.Address{at}, hub.ClientConfig{Transport: intentra.Config{Key: key, HandshakeTimeout: 250 * time.Millisecond}})
	require.NoError(t, err)
	defer func() { _ = c.Close() }()
	p := c.Peer()
	first.SetHubs(func(intentra.PublicKey) []hub.Address { return []hub.Address{silent, next} }, true)
	<-dialled
	first.Remote(func(r *hub.Remote) { r.Replace(key.Public()) })
	<-p.Done()
	for tick := time.NewTicker(5 * time.Millisecond); c.Peer().Key() != next.Key; <-tick.C {
		require.NoError(t, t.Context().Err())
	}
}
