package noise

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/wire"
)

// A handshake overwrites its secrets when it ends, by completing or by Wipe, and
// its methods return ErrState from then on.
func TestSecretsAreOverwritten(t *testing.T) {
	for _, ends := range []string{"complete", "wiped after message 1", "wiped after message 2", "wiped before message 3 is read"} {
		t.Run(ends, func(t *testing.T) {
			i, err := NewInitiator(wire.AESGCM, staticOf(t, 1), nil, [KeySize]byte{1: 3})
			require.NoError(t, err)
			r, err := NewResponder(wire.AESGCM, staticOf(t, 2), nil, [KeySize]byte{1: 4})
			require.NoError(t, err)
			di, dr := i.m.dh, r.m.dh

			m1, err := i.WriteInit(nil)
			require.NoError(t, err)
			_, err = r.ReadInit(m1, 0)
			require.NoError(t, err)
			var secrets [][]byte
			if ends != "wiped after message 1" {
				m2, err := r.WriteResponse(nil)
				require.NoError(t, err)
				if ends != "wiped after message 2" {
					_, _, err = i.ReadResponse(m2, 0)
					require.NoError(t, err)
					secrets = append(secrets, secretsOf(di)...)
					m3, _, err := i.WriteFinal(nil)
					require.NoError(t, err)
					secrets = append(secrets, secretsOf(dr)...)
					if ends == "complete" {
						_, _, err = r.ReadFinal(m3, 0)
						require.NoError(t, err)
					}
					require.GreaterOrEqual(t, len(secrets), 4, "ee and es on both sides")
				}
			}
			if ends != "complete" {
				secrets = append(append(secrets, secretsOf(di)...), secretsOf(dr)...)
				i.Wipe()
				r.Wipe()
			}
			for _, s := range secrets {
				require.Equal(t, make([]byte, KeySize), s)
			}
			require.Zero(t, *i)
			require.Zero(t, *r)
			require.Zero(t, *di)
			require.Zero(t, *dr)
			_, err = i.WriteInit(nil)
			require.ErrorIs(t, err, ErrState)
			_, _, err = r.ReadFinal(make([]byte, 64), 0)
			require.ErrorIs(t, err, ErrState)
		})
	}
}

func staticOf(t *testing.T, first byte) *Static {
	s, err := NewStatic([KeySize]byte{1: first}) // X25519 ignores the lowest bits of byte 0
	require.NoError(t, err)
	return s
}

// secretsOf returns the memory of all secrets that d holds.
func secretsOf(d *dh) (all [][]byte) {
	for _, f := range d.first {
		if f.secret != nil {
			all = append(all, f.secret)
		}
	}
	if d.last != nil {
		all = append(all, d.last)
	}
	return all
}

func TestWipe(t *testing.T) {
	k := Keys{Send: [32]byte{1, 31: 1}, Receive: [32]byte{2, 31: 2}, Hash: [32]byte{3}, Remote: [32]byte{4}}
	k.Wipe()
	require.Equal(t, Keys{Hash: [32]byte{3}, Remote: [32]byte{4}}, k)

	// Without a handshake, Wipe does nothing.
	(*Initiator)(nil).Wipe()
	(*Responder)(nil).Wipe()
	new(Initiator).Wipe()
	new(Responder).Wipe()
}

// newPrivate overwrites its argument.
func TestPrivateBytesAreOverwritten(t *testing.T) {
	b := [KeySize]byte{1, 2, 3}
	_, err := newPrivate(&b)
	require.NoError(t, err)
	require.Zero(t, b)
}
