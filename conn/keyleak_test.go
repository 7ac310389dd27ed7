package conn

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/stages/cookie"
	"github.com/intentra/intentra/wire"
)

// drawn is a source of randomness that remembers the secrets taken from it:
// ephemeral keys and secrets of cookies are 32 bytes.
type drawn struct {
	io.Reader
	secrets *[][32]byte
}

func (d drawn) Read(b []byte) (int, error) {
	n, err := io.ReadFull(d.Reader, b)
	if n == 32 {
		*d.secrets = append(*d.secrets, [32]byte(b))
	}
	return n, err
}

// Neither logs at any level nor errors, events and statistics have a byte of an
// ephemeral key, a key of an epoch or a secret of cookies, nor does any datagram.
func TestEphemeralAndEpochKeysAreToldNobody(t *testing.T) {
	w := newNetwork(t, 1)
	var told bytes.Buffer
	var secrets [][32]byte
	change := func(c *Config) {
		c.Logger = slog.New(slog.NewTextHandler(&told, &slog.HandlerOptions{Level: slog.LevelDebug}))
		c.Rand, c.RekeyAfterPackets, c.KeepAlive, c.Unanswered = drawn{c.Rand, &secrets}, 32, 200*time.Millisecond, time.Second
	}
	a, b := w.node(change), w.node(change)
	stranger := w.node(change)
	b.ep.cfg.Authorize = func(key [KeySize]byte) bool { return key == a.key }
	epochs := 0
	for _, n := range w.nodes {
		n.onRun = func(j *Job) {
			if j.keys != nil {
				secrets = append(secrets, j.keys.Send, j.keys.Receive)
				epochs++
			}
			fmt.Fprintf(&told, "%v\n%+v\n", j.err, j.err)
		}
	}
	w.tap = func(from, to netAddr, data []byte) bool {
		told.Write(data)
		return true
	}

	a.dial(b)
	w.await(time.Second, func() bool { return a.up(b) && b.up(a) })
	stranger.dial(b) // is not allowed
	stranger.book[[32]byte{1}] = b.addr
	_, err := stranger.ep.Dial([32]byte{1}, w.now) // meets another key
	require.NoError(t, err)
	stranger.turn()
	for i := range 300 {
		if i == 100 {
			a.rebind(netAddrOf(203, 1))
		}
		a.push(b, 1, pipeline.Reliable, "x")
		b.push(a, 1, pipeline.Latest, "y")
		w.run(10 * time.Millisecond)
	}
	w.run(cookie.RotateEvery) // another secret of cookies, and the stranger's end
	w.link.cut = true
	a.push(b, 1, pipeline.Reliable, "unanswered")
	w.run(5 * time.Second)
	w.link.cut = false
	w.await(10*time.Second, func() bool { return a.up(b) && b.up(a) })
	require.NotZero(t, stranger.count(DialEnded))
	require.NotZero(t, b.handshakes(HandshakeRefused))
	require.NotZero(t, a.ep.stats.Rekeys)
	for _, n := range w.nodes {
		for _, ev := range n.events {
			fmt.Fprintf(&told, "%v %+v %v\n", ev.Kind, ev.Err, ev.Reason)
		}
		fmt.Fprintf(&told, "%+v %#v\n", n.ep.Stats(), n.ep.Stats())
		for _, p := range n.ep.sortedPeers() {
			fmt.Fprintf(&told, "%+v\n", n.ep.PeerStats(p))
		}
	}
	for more := true; more; {
		more = a.ep.Close(wire.CloseShutdown, w.now)
		a.turn()
	}

	require.Greater(t, epochs, 5)
	require.Greater(t, len(secrets), 3*epochs/2)
	require.Contains(t, told.String(), "level=DEBUG")
	require.Contains(t, told.String(), "not allowed")
	requireUntold(t, told.String(), secrets)
}

// requireUntold checks that no key turns up in the text, in any of the ways in
// which its bytes could be written.
func requireUntold(t *testing.T, text string, keys [][32]byte) {
	t.Helper()
	for _, k := range keys {
		require.NotZero(t, k)
		for _, trace := range []string{
			string(k[:8]), hex.EncodeToString(k[:8]), strings.ToUpper(hex.EncodeToString(k[:8])),
			base64.StdEncoding.EncodeToString(k[:])[:16], base64.URLEncoding.EncodeToString(k[:])[:16],
			strconv.Quote(string(k[:]))[1:17], strings.Trim(fmt.Sprint(k[:8]), "[]"), fmt.Sprintf("%#v", k[:4])[len("[]byte{"):],
		} {
			if strings.Contains(text, trace) {
				require.Fail(t, "a key has been told", "%q", trace)
			}
		}
	}
}
