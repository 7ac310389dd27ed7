package hub

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
)

// SendAcked returns once the hub has the update, and with an error if it was not sent or may
// not be passed on.
func TestSendAcked(t *testing.T) {
	h, err := Listen("127.0.0.1:0", Config{Transport: intentra.Config{Key: keyOf("hub")}, Access: AllowAny()})
	require.NoError(t, err)
	defer h.Close()
	wanted := make(chan bool, 10)
	dial := func(name string) *Client {
		cfg := ClientConfig{Transport: intentra.Config{Key: keyOf(name)}}
		cfg.OnDemand = func(_ *Publication, w bool) { wanted <- w }
		c, err := Dial(t.Context(), h.Transport().LocalAddr().String(), keyOf("hub").Public(), cfg)
		require.NoError(t, err)
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	operator := dial("operator")
	stop, err := operator.DeclareAsync(Topic{Name: "stop", Intent: intentra.Reliable})
	require.NoError(t, err)
	pose, err := operator.Declare(t.Context(), Topic{Name: "pose"})
	require.NoError(t, err)
	require.False(t, <-wanted)
	require.False(t, <-wanted)
	_, err = stop.SendAcked(t.Context(), []byte("1"))
	require.ErrorIs(t, err, ErrNoSubscriber)
	require.EqualValues(t, 1, stop.Unwanted())
	_, err = pose.SendAcked(t.Context(), []byte("1"))
	require.ErrorIs(t, err, intentra.ErrIntent)

	s, err := dial("robot").Subscribe(t.Context(), Subscription{Pattern: "*/stop"})
	require.NoError(t, err)
	require.True(t, <-wanted)
	d, err := stop.SendAcked(t.Context(), []byte("2"))
	require.NoError(t, err)
	require.Equal(t, intentra.Acked, d.Outcome)
	require.EqualValues(t, 1, h.Topics()[1].Updates, "the hub has it")
	u, err := s.Next(t.Context())
	require.NoError(t, err)
	require.Equal(t, "2", string(u.Payload))

	operator.mu.Lock()
	before := operator.connections
	operator.forget() // the connection is lost
	operator.mu.Unlock()
	d, err = stop.acked(before, intentra.Delivery{Outcome: intentra.Acked}, nil)
	require.ErrorIs(t, err, intentra.ErrNotAcked)
	require.Equal(t, intentra.Lost, d.Outcome)
	ctx, cancel := context.WithCancelCause(t.Context())
	failed := make(chan error)
	go func() { // it waits for the declaration
		_, err := stop.SendAcked(ctx, []byte("3"))
		failed <- err
	}()
	over := errors.New("over")
	cancel(over)
	require.ErrorIs(t, <-failed, over)
	go func() {
		_, err := stop.SendAcked(t.Context(), []byte("4"))
		failed <- err
	}()
	stop.Close()
	require.Error(t, <-failed)
	require.EqualValues(t, 1, h.Stats().Received)
}
