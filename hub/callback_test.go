package hub_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/hub"
)

// waitingCalls are the calls of a client and a hub that wait for the loop.
var waitingCalls = map[string]func(ctx context.Context, h *hub.Hub, c *hub.Client) error{
	"Client.Declare": func(ctx context.Context, _ *hub.Hub, c *hub.Client) error {
		_, err := c.Declare(ctx, hub.Topic{Name: "x"})
		return err
	},
	"Client.Subscribe": func(ctx context.Context, _ *hub.Hub, c *hub.Client) error {
		_, err := c.Subscribe(ctx, hub.Subscription{Pattern: "**"})
		return err
	},
	"Client.Topics": func(ctx context.Context, _ *hub.Hub, c *hub.Client) error {
		_, err := c.Topics(ctx, "**")
		return err
	},
	"Stream.Next": func(ctx context.Context, _ *hub.Hub, c *hub.Client) error {
		s, err := c.SubscribeAsync(hub.Subscription{Pattern: "**"})
		if err != nil {
			return err
		}
		_, err = s.Next(ctx)
		return err
	},
	"Publication.SendWait": func(ctx context.Context, _ *hub.Hub, c *hub.Client) error {
		p, err := c.DeclareAsync(hub.Topic{Name: "y", Intent: intentra.Reliable})
		for err == nil {
			err = p.SendWait(ctx, []byte("until the queue is full"))
		}
		return err
	},
	"Publication.SendAcked": func(ctx context.Context, _ *hub.Hub, c *hub.Client) error {
		p, err := c.DeclareAsync(hub.Topic{Name: "z", Intent: intentra.Reliable})
		if err == nil {
			_, err = p.SendAcked(ctx, nil)
		}
		return err
	},
	"Client.Shutdown": func(ctx context.Context, _ *hub.Hub, c *hub.Client) error { return c.Shutdown(ctx) },
	"Hub.Run":         func(ctx context.Context, h *hub.Hub, _ *hub.Client) error { return h.Run(ctx) },
	"Dial": func(ctx context.Context, h *hub.Hub, _ *hub.Client) error {
		_, err := hub.Dial(ctx, h.Transport().LocalAddr().String(), h.Transport().PublicKey(),
			hub.ClientConfig{Transport: intentra.Config{Key: newKey()}})
		return err
	},
}

// No call that waits hangs in a callback of the client or the hub: it returns an error.
func TestCallsInCallbacks(t *testing.T) {
	for name, call := range waitingCalls {
		for _, place := range []string{"OnConnection", "OnPresence", "Hub.OnPeer"} {
			t.Run(name+" in "+place, func(t *testing.T) {
				t.Parallel()
				ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
				defer cancel()
				begin := make(chan struct{}) // closed once h and c are set
				result := make(chan error, 1)
				var h *hub.Hub
				var c *hub.Client
				once := make(chan struct{}, 1)
				callback := func() {
					if place != "OnConnection" { // the hub must go on
						select {
						case <-begin:
						default:
							return
						}
					}
					select {
					case once <- struct{}{}:
						<-begin
						result <- call(ctx, h, c)
					default:
					}
				}
				cfg := hub.Config{Transport: intentra.Config{Key: newKey()}, Access: hub.AllowAny()}
				client := hub.ClientConfig{Transport: intentra.Config{Key: newKey()}}
				switch place {
				case "OnConnection":
					client.OnConnection = func(intentra.PeerEvent) { callback() }
				case "OnPresence":
					client.OnPresence = func(hub.Publisher) { callback() }
				default:
					cfg.OnPeer = func(intentra.PeerEvent) { callback() }
				}
				var err error
				h, err = hub.Listen("127.0.0.1:0", cfg)
				require.NoError(t, err)
				defer h.Close()
				c, err = hub.Dial(ctx, h.Transport().LocalAddr().String(), h.Transport().PublicKey(), client)
				require.NoError(t, err)
				defer c.Close()
				close(begin)
				go func() { // an event for each callback
					other, err := hub.Dial(ctx, h.Transport().LocalAddr().String(), h.Transport().PublicKey(),
						hub.ClientConfig{Transport: intentra.Config{Key: newKey()}})
					if err == nil {
						<-ctx.Done()
						_ = other.Close()
					}
				}()
				select {
				case err := <-result:
					require.ErrorIs(t, err, intentra.ErrInCallback)
				case <-ctx.Done():
					require.Fail(t, "the call hangs")
				}
			})
		}
	}
}
