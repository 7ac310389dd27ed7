package site

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/hub"
)

// A client whose cable is cut reads nothing, and the newest value once it is restored.
func TestCable(t *testing.T) {
	s, err := Open()
	require.NoError(t, err)
	defer s.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	a, err := s.Join("a", false)
	require.NoError(t, err)
	b, err := s.Join("b", true)
	require.NoError(t, err)
	topic, err := a.Declare(ctx, hub.Topic{Name: "x"})
	require.NoError(t, err)
	stream, err := b.Subscribe(ctx, hub.Subscription{Pattern: "a/x"})
	require.NoError(t, err)
	require.NoError(t, topic.Send([]byte("one")))
	u, err := stream.Next(ctx)
	require.NoError(t, err)
	require.Equal(t, "one", string(u.Payload))

	s.Cut("b", true)
	require.NoError(t, topic.Send([]byte("two")))
	require.NoError(t, s.Sleep(time.Millisecond))
	_, ok, err := stream.Poll()
	require.NoError(t, err)
	require.False(t, ok)
	s.Cut("b", false)
	require.NoError(t, topic.Send([]byte("three")))
	for string(u.Payload) != "three" {
		u, err = stream.Next(ctx)
		require.NoError(t, err)
	}
	require.Positive(t, s.Now())
	require.Positive(t, s.Stats().Received)
}
