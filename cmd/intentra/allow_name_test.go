package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
)

// A peer whose key was removed from the list keeps its name in the log.
func TestRevokedPeerKeepsItsName(t *testing.T) {
	key := intentra.PublicKey{9, 1}
	old, err := intentra.ParseAllowList(strings.NewReader(key.String() + " alice\n"))
	require.NoError(t, err)
	list, err := intentra.ParseAllowList(strings.NewReader(""))
	require.NoError(t, err)
	a := new(allowFile)
	a.list.Store(list)
	require.Empty(t, a.name(key))
	a.former.Store(old)
	require.Equal(t, "alice", a.name(key))
}
