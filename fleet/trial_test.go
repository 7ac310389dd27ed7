package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestAddressesOfAChild: a trial takes the ports of its processes from their output, of which the
// last line with an address says that they are ready.
func TestAddressesOfAChild(t *testing.T) {
	var c child
	for line, last := range map[string]bool{
		"cluster 127.0.0.1:1": false, "metrics 127.0.0.1:2": false, "leafs 127.0.0.1:3": false, "time=now level=INFO": false,
		"listening 127.0.0.1:4 key none": true,
	} {
		require.Equal(t, last, c.learn(strings.Fields(line)), line)
	}
	require.Equal(t, []string{"127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3", "127.0.0.1:4"}, []string{c.cluster, c.metrics, c.leafs, c.Addr})
}
