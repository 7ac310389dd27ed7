package intentra_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/internal/loopback"
	"github.com/intentra/intentra/udp"
)

// Stats has the sizes of the socket's buffers. For each buffer that is smaller than
// requested there is one warning in the log, with the limit to raise.
func TestSmallerBuffersThanRequested(t *testing.T) {
	type warning struct {
		Level, Buffer, Sysctl string
		Asked, Granted        int
	}
	for name, asked := range map[string]int{"more than there is": 1 << 30, "little": 16 << 10, "default": 0} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			tr := loopback.Listen(t, intentra.Config{
				Logger: slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn})),
				Socket: udp.Config{ReadBuffer: asked, WriteBuffer: asked},
			})
			s := tr.Stats()
			read, write := tr.Socket().Granted()
			require.Equal(t, read, s.SocketReadBuffer)
			require.Equal(t, write, s.SocketWriteBuffer)
			require.Equal(t, tr.Socket().Offload(), s.Offload)
			require.NoError(t, tr.Close()) // no goroutine logs any more

			wanted := asked
			if asked == 0 {
				wanted = udp.DefaultBuffer
			}
			var want, got []warning
			if read < wanted {
				want = append(want, warning{"WARN", "read", "net.core.rmem_max", wanted, read})
			}
			if write < wanted {
				want = append(want, warning{"WARN", "write", "net.core.wmem_max", wanted, write})
			}
			for d := json.NewDecoder(&log); d.More(); {
				var w warning
				require.NoError(t, d.Decode(&w))
				got = append(got, w)
			}
			require.Equal(t, want, got)
		})
	}
}

// The transport of the function Dial has fewer buffers by default.
func TestDialBatch(t *testing.T) {
	l := loopback.Listen(t, intentra.Config{})
	require.Zero(t, l.SocketBatch(), "it must be left to package udp")
	for asked, want := range map[int]int{0: intentra.DialBatch, 64: 64} {
		cfg := intentra.Config{Key: loopback.Key(t), Socket: udp.Config{Batch: asked}}
		p, err := intentra.Dial(loopback.Context(t), l.LocalAddr().String(), l.PublicKey(), cfg)
		require.NoError(t, err)
		require.Equal(t, want, p.Transport().SocketBatch())
		require.Equal(t, asked, cfg.Socket.Batch)
		require.NoError(t, p.Transport().Close())
	}
}
