package intentra_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/internal/loopback"
)

// A nil or zero peer is an error that names the mistake.
func TestNilPeer(t *testing.T) {
	ctx := loopback.Context(t)
	for _, p := range []*intentra.Peer{nil, new(intentra.Peer)} {
		_, receive := p.Receive(ctx)
		_, batch := p.ReceiveBatch(ctx, make([]intentra.Received, 1))
		for _, err := range []error{
			p.Close(), p.CloseWith(intentra.CloseSlow), p.Send(loopback.Reliable("x")).Err, p.SendWait(ctx, loopback.Reliable("x")), receive, batch,
		} {
			require.ErrorContains(t, err, "the *Peer is nil or zero")
		}
	}
}

// A nil allow list panics with a message that names the mistake.
func TestNilAllowList(t *testing.T) {
	var l *intentra.AllowList
	for _, call := range []func(){
		func() { l.Allows(intentra.PublicKey{}) }, func() { l.Name(intentra.PublicKey{}) }, func() { l.Len() }, func() { l.Keys() },
	} {
		require.PanicsWithValue(t, "intentra: the *AllowList is nil; ReadAllowList and ParseAllowList return one unless they fail", call)
	}
}

// A private key parses, but does not end up in JSON, not even as a placeholder.
func TestPrivateKeyText(t *testing.T) {
	_, err := json.Marshal(struct{ Key intentra.PrivateKey }{loopback.Key(t)})
	require.ErrorContains(t, err, "use WritePrivateKey")

	text := intentra.PublicKey{1, 2, 3}.String() // 32 bytes in base64
	k, err := intentra.ParsePrivateKey(" " + text + "\n")
	require.NoError(t, err)
	require.Equal(t, intentra.PrivateKey{1, 2, 3}, k)
	for _, bad := range []string{"", text[1:], intentra.PublicKey{}.String()} {
		_, err := intentra.ParsePrivateKey(bad)
		require.ErrorIs(t, err, intentra.ErrKey)
		if bad != "" {
			require.NotContains(t, err.Error(), bad)
		}
	}
}
