package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Several addresses may be given to connect to, and each is checked.
func TestDialAddress(t *testing.T) {
	var a dialAddress
	require.NoError(t, a.UnmarshalText([]byte("192.0.2.7:4242,[2001:db8::7]:4242,hub:1")))
	require.Equal(t, dialAddress("192.0.2.7:4242,[2001:db8::7]:4242,hub:1"), a)
	require.ErrorContains(t, a.UnmarshalText([]byte("hub:1,192.0.2.7")), `"192.0.2.7" is not an address`)
	require.ErrorContains(t, a.UnmarshalText([]byte("hub:1,:2")), `":2" has no host`)
	require.ErrorContains(t, a.UnmarshalText([]byte("hub:1,")), "is not an address")
}
