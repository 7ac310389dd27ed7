package noise

import (
	"bytes"
	"testing"

	flynn "github.com/flynn/noise"
	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/wire"
)

// For any 32 bytes, our DH function returns what flynn's own returns.
func TestDHEqualsFlynnsDH(t *testing.T) {
	r := newRand(t)
	points := lowOrderPoints(t)
	for range 100 {
		points = append(points, r.bytes(KeySize))
	}
	for n, point := range points {
		private, ephemeral := r.key(), r.key()
		keys := [ownKeys][]byte{bytes.Clone(private[:]), bytes.Clone(ephemeral[:])}
		s, err := NewStatic(private)
		require.NoError(t, err)
		d, err := newDH(s, &ephemeral)
		require.NoError(t, err)
		for label, key := range keys {
			theirs, err := flynn.DH25519.GenerateKeypair(bytes.NewReader(key))
			require.NoError(t, err)
			require.Equal(t, theirs.Public, d.key(byte(label)).Public)

			want, wantErr := flynn.DH25519.DH(key, point)
			require.Equal(t, n < 2*len(lowOrder), wantErr != nil)
			for range 2 { // computed, then cached
				got, err := d.DH([]byte{byte(label)}, point)
				if wantErr != nil {
					require.ErrorIs(t, err, ErrLowOrder)
					continue
				}
				require.NoError(t, err)
				require.Equal(t, want, got)
			}
		}
	}
	var d dh
	require.Equal(t, flynn.DH25519.DHLen(), d.DHLen())
	require.Equal(t, flynn.DH25519.DHName(), d.DHName())
}

// The first secret of a private key is cached. Later ones are computed each time,
// and each overwrites the one before. No call returns the secret of another
// public key.
func TestCachedSecrets(t *testing.T) {
	r := newRand(t)
	private, ephemeral := r.key(), r.key()
	key := bytes.Clone(ephemeral[:])
	s, err := NewStatic(private)
	require.NoError(t, err)
	d, err := newDH(s, &ephemeral)
	require.NoError(t, err)
	points := [][]byte{r.bytes(KeySize), r.bytes(KeySize), r.bytes(KeySize)}
	var last []byte
	for range 100 {
		n := r.IntN(len(points))
		want, err := flynn.DH25519.DH(key, points[n])
		require.NoError(t, err)
		lent := bytes.Clone(points[n])
		got, err := d.DH([]byte{ownEphemeral}, lent)
		require.NoError(t, err)
		require.Equal(t, want, got)
		clear(lent)
		if !bytes.Equal(points[n], d.first[ownEphemeral].public) {
			require.Equal(t, make([]byte, len(last)), append([]byte{}, last...))
			last = got
		}
	}
	require.NotEmpty(t, last)
	d.wipe()
	require.Equal(t, make([]byte, KeySize), last)
	require.Equal(t, dh{}, *d)
}

// Initiator and Responder exchange the same messages and keys as flynn's
// HandshakeState with its own DH function.
func TestMachinesEqualFlynn(t *testing.T) {
	forSuites(t, func(t *testing.T, suite wire.Suite, r testRand) {
		for range 10 {
			p := newPair(t, suite, r)
			init, resp := plainState(t, p, true, nil), plainState(t, p, false, nil)
			msg1, _, _, err := init.WriteMessage(nil, p.payload1)
			require.NoError(t, err)
			_, _, _, err = resp.ReadMessage(nil, msg1)
			require.NoError(t, err)
			msg2, _, _, err := resp.WriteMessage(nil, p.payload2)
			require.NoError(t, err)
			_, _, _, err = init.ReadMessage(nil, msg2)
			require.NoError(t, err)
			msg3, c1, c2, err := init.WriteMessage(nil, p.payload3)
			require.NoError(t, err)

			p.toFinal(t)
			p.readFinal(t)
			p.requireDone(t)
			require.Equal(t, msg1, p.msg1)
			require.Equal(t, msg2, p.msg2)
			require.Equal(t, msg3, p.msg3)
			require.Equal(t, c1.UnsafeKey(), p.initKeys.Send)
			require.Equal(t, c2.UnsafeKey(), p.initKeys.Receive)
			require.Equal(t, init.ChannelBinding(), p.initKeys.Hash[:])
		}
	})
}
