package conn_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/stages/cookie"
)

// secretRecorder is a source of randomness that records the secrets taken from
// it: ephemeral keys and secrets of cookies, which are 32 bytes.
type secretRecorder struct {
	io.Reader
	secrets *[][32]byte
}

func (d secretRecorder) Read(b []byte) (int, error) {
	n, err := io.ReadFull(d.Reader, b)
	if n == 32 {
		*d.secrets = append(*d.secrets, [32]byte(b))
	}
	return n, err
}

// No log at any level, no error, event, counter or datagram contains an ephemeral
// key, a key of an epoch or a secret of cookies.
func TestEphemeralAndEpochKeysDoNotLeak(t *testing.T) {
	w := newWorld(t, 1)
	var output bytes.Buffer
	var secrets [][32]byte
	change := func(c *conn.Config) {
		c.Logger = slog.New(slog.NewTextHandler(&output, &slog.HandlerOptions{Level: slog.LevelDebug}))
		c.Rand = secretRecorder{rand.NewChaCha8([32]byte{byte(len(w.nodes))}), &secrets}
		c.RekeyAfterPackets, c.KeepAlive, c.Unanswered = 32, 200*time.Millisecond, time.Second
		c.Authorize = func(_ context.Context, h conn.Handshake) bool { return h.Key == w.nodes[0].Key() }
	}
	a, b := w.node(change), w.node(change)
	refused := w.node(change)
	epochs := 0
	for _, n := range w.nodes {
		n.OnJob = func(j *conn.Job) {
			if k := j.Keys(); k != nil {
				secrets = append(secrets, k.Send, k.Receive)
				epochs++
			}
			fmt.Fprintf(&output, "%v\n%+v\n", j.Err(), j.Err())
		}
	}
	w.tap = func(from, to netip.AddrPort, data []byte) bool {
		output.Write(data)
		return true
	}

	a.dial(b)
	w.await(time.Second, func() bool { return bothUp(a, b) })
	refused.dial(b) // is not allowed
	refused.SetAddress(intentra.PublicKey{1}, b.Addr())
	require.NoError(t, refused.Dial(intentra.PublicKey{1})) // meets another key
	for i := range 300 {
		if i == 100 {
			a.rebind(otherAddr(203, 1))
		}
		a.push(b, 1, pipeline.Reliable, "x")
		b.push(a, 1, pipeline.Latest, "y")
		w.run(10 * time.Millisecond)
	}
	w.run(cookie.RotateEvery) // another secret of cookies, and the end of the refused dials
	w.cut(true)
	a.push(b, 1, pipeline.Reliable, "unanswered")
	w.run(5 * time.Second)
	w.cut(false)
	w.await(10*time.Second, func() bool { return bothUp(a, b) })
	require.NotZero(t, refused.count(conn.DialEnded))
	require.NotZero(t, b.Handshakes(conn.HandshakeRefused))
	require.NotZero(t, a.Stats().Rekeys)
	for _, n := range w.nodes {
		for _, ev := range n.events {
			fmt.Fprintf(&output, "%v %+v %v\n", ev.Kind, ev.Err, ev.Reason)
		}
		fmt.Fprintf(&output, "%+v %#v\n", n.Stats(), n.Stats())
		for _, p := range n.Endpoint().Peers() {
			fmt.Fprintf(&output, "%+v\n", n.Endpoint().PeerStats(p))
		}
	}
	a.Close()
	w.run(0)

	require.Greater(t, epochs, 5)
	require.Greater(t, len(secrets), 3*epochs/2)
	require.Contains(t, output.String(), "level=DEBUG")
	require.Contains(t, output.String(), "not allowed")
	requireNoKeys(t, output.String(), secrets)
}

// requireNoKeys checks that no key appears in the text, in any encoding of its
// bytes.
func requireNoKeys(t *testing.T, text string, keys [][32]byte) {
	t.Helper()
	for _, k := range keys {
		require.NotZero(t, k)
		for _, trace := range []string{
			string(k[:8]), hex.EncodeToString(k[:8]), strings.ToUpper(hex.EncodeToString(k[:8])),
			base64.StdEncoding.EncodeToString(k[:])[:16], base64.URLEncoding.EncodeToString(k[:])[:16],
			strconv.Quote(string(k[:]))[1:17], strings.Trim(fmt.Sprint(k[:8]), "[]"), fmt.Sprintf("%#v", k[:4])[len("[]byte{"):],
		} {
			if strings.Contains(text, trace) {
				require.Fail(t, "the output contains a key", "%q", trace)
			}
		}
	}
}
