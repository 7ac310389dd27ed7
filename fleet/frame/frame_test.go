package frame

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
)

func TestRoundTrip(t *testing.T) {
	h := Header{Incarnation: 1 << 60, Lane: 1 << 31, Seq: 1 << 40, Values: true, Time: -5}
	b := h.Append(nil)
	require.Len(t, b, HeaderSize)
	updates := []Update{{ID: 1, Seq: 2, Payload: []byte("x")}, {ID: 300, Seq: 1 << 50, Payload: []byte{}}, {ID: 7, Seq: 9, Absent: true},
		{ID: 8, Seq: 1, Stamp: Stamp{true, -1 << 40, 1 << 50}, Payload: []byte("stamped")}, {ID: 8, Seq: 2, Stamp: Stamp{Known: true, Before: 9}}}
	for _, u := range updates {
		b = u.Append(b)
	}
	got, rest, err := ParseHeader(b)
	require.NoError(t, err)
	require.Equal(t, h, got)
	require.NoError(t, Valid(rest))
	for _, want := range updates {
		var u Update
		u, rest, err = ParseUpdate(rest)
		require.NoError(t, err)
		require.True(t, want.Equal(u), "%v %v", want, u)
	}
	require.Empty(t, rest)
	for n := range HeaderSize {
		_, _, err := ParseHeader(b[:n])
		require.ErrorIs(t, err, ErrMalformed)
	}
	_, _, err = ParseUpdate(updates[0].Append(nil)[:3])
	require.ErrorIs(t, err, ErrMalformed)
}

func TestJSON(t *testing.T) {
	k := intentra.PublicKey{1}
	d := Directory{Hub: k, Incarnation: 1<<64 - 1, Seq: 2, Ops: []Op{
		{Session: &Session{Key: k, Generation: 3, Connected: true}},
		{Topic: &Topic{ID: 4, Key: k, Name: "pose", Intent: intentra.Reliable, TTL: time.Second, Priority: 1, Stamp: true}}, {Retract: 5}, {Forget: &k},
	}}
	var got Directory
	require.NoError(t, Decode(Encode(d), &got))
	require.Equal(t, d, got)
	require.ErrorIs(t, Decode([]byte("{"), &got), ErrMalformed)
	require.ErrorIs(t, Decode(make([]byte, MaxFrame+1), &got), ErrMalformed)
}

// FuzzUpdates: another hub, or a program that has its credentials, may send any bytes. An
// accepted update is encoded to an equal one.
func FuzzUpdates(f *testing.F) {
	f.Add(Update{ID: 1, Seq: 2, Payload: []byte("x")}.Append(Header{Seq: 1}.Append(nil)))
	f.Add([]byte{kindValues, 255})
	f.Fuzz(func(t *testing.T, b []byte) {
		_, rest, err := ParseHeader(b)
		if err != nil {
			return
		}
		for len(rest) > 0 {
			var u Update
			if u, rest, err = ParseUpdate(rest); err != nil {
				return
			}
			again, none, err := ParseUpdate(u.Append(nil))
			require.NoError(t, err)
			require.Empty(t, none)
			require.True(t, u.Equal(again))
		}
	})
}
