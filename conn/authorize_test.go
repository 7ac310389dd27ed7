package conn_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/conn"
)

// Authorize gets the key and the address of the dialer, and its context ends with the
// handshake: when it succeeds, is refused, or has timed out before its turn.
func TestAuthorizeGetsTheHandshake(t *testing.T) {
	for name, c := range map[string]struct {
		allow bool
		delay time.Duration // of the worker
		ended bool          // before Authorize is called
	}{
		"accepted":  {allow: true},
		"refused":   {},
		"timed out": {allow: true, delay: 6 * time.Second, ended: true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 8)
			a := w.node()
			var contexts []context.Context
			b := w.node(func(cfg *conn.Config) {
				cfg.Authorize = func(ctx context.Context, h conn.Handshake) bool {
					require.Equal(t, conn.Handshake{Key: a.Key(), Addr: a.Addr()}, h)
					require.Equal(t, c.ended, ctx.Err() != nil)
					contexts = append(contexts, ctx)
					return c.allow
				}
			})
			a.dial(b)
			w.await(time.Second, func() bool { h, _ := b.Endpoint().OldestHandshake(); return h.Answered })
			b.JobDelay = c.delay
			w.run(30 * time.Second)
			require.Equal(t, c.allow && !c.ended, b.up(a))
			require.NotEmpty(t, contexts)
			for _, ctx := range contexts {
				require.Error(t, ctx.Err())
			}
			w.checkAll()
			w.closeAll()
		})
	}
}
