package intentra_test

import (
	"encoding"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/internal/loopback"
	"github.com/intentra/intentra/wire"
)

// A message without an Intent is sent as Realtime, by every method that sends.
func TestZeroIntentIsRealtime(t *testing.T) {
	ctx := loopback.Context(t)
	l := loopback.Listen(t, intentra.Config{})
	p := loopback.Dial(t, l, intentra.Config{})
	m := intentra.Message{Channel: 3, Payload: []byte("x")}
	require.Equal(t, intentra.SendResult{Status: intentra.Queued}, p.Send(m))
	require.NoError(t, p.SendWait(ctx, m))
	require.Equal(t, intentra.BroadcastResult{Queued: 1}, p.Transport().Broadcast(m))
	for range 3 {
		got := loopback.Receive(t, ctx, l)
		require.Equal(t, intentra.Realtime, got.Intent)
		require.EqualValues(t, 3, got.Channel)
	}
	require.Equal(t, "realtime", intentra.Intent(0).String())
}

// text is a type whose values have a text form.
type text interface {
	encoding.TextMarshaler
	String() string
}

// Intents, suites and reasons have text forms that parse, and errors that list the
// choices.
func TestTextForms(t *testing.T) {
	var i intentra.Intent
	var s intentra.Suite
	var r intentra.CloseReason
	type target struct {
		parsed func() text
		encoding.TextUnmarshaler
	}
	values := map[text]target{}
	for _, v := range intents {
		values[v] = target{func() text { return i }, &i}
	}
	for _, v := range []intentra.Suite{intentra.AESGCM, intentra.ChaChaPoly} {
		values[v] = target{func() text { return s }, &s}
	}
	for _, v := range append(wire.CloseReasons(), wire.CloseNone) {
		values[v] = target{func() text { return r }, &r}
	}
	for v, into := range values {
		b, err := v.MarshalText()
		require.NoError(t, err)
		require.Equal(t, v.String(), string(b))
		require.NoError(t, into.UnmarshalText(b))
		require.Equal(t, v, into.parsed())
	}

	require.ErrorContains(t, i.UnmarshalText([]byte("urgent")), `unknown intent "urgent": want realtime, latest or reliable`)
	require.ErrorContains(t, s.UnmarshalText([]byte("rot13")), `unknown cipher suite "rot13": want aesgcm or chachapoly`)
	require.ErrorContains(t, r.UnmarshalText([]byte("bored")), "closed, shutdown, replaced")
	for _, v := range []text{intentra.Intent(4), intentra.Suite(3)} {
		_, err := v.MarshalText()
		require.Error(t, err, "%v", v)
	}
	// A reason that only the peer knows is its number.
	b, err := intentra.CloseReason(21).MarshalText()
	require.NoError(t, err)
	require.Equal(t, "21", string(b))
	require.NoError(t, r.UnmarshalText(b))
	require.EqualValues(t, 21, r)
	require.Error(t, r.UnmarshalText([]byte("256")))
}
