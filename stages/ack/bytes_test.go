package ack

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// An acknowledgement is due at once after 64 KiB, however few packets that are.
func TestAcknowledgedEvery64KiB(t *testing.T) {
	r := newRig(t, Config{})
	r.now = 1000 * millisecond
	r.buf = make([]byte, 0, 9000)
	r.receive(sessionA, 0, 0, ping)
	require.Len(t, r.send(sessionA, 1, roomForAll), 1)
	state := realtime(1, strings.Repeat("x", 8000-4-16)) // a datagram of 8,000 bytes
	for counter := uint64(1); counter <= 90; counter++ {
		r.receive(sessionA, 0, counter, state)
		at, ok := r.stage.Deadline(sessionA)
		require.True(t, ok)
		due := counter%9 == 0 // 72,000 bytes
		require.Equal(t, due, at <= r.now, "packet %d", counter)
		require.Equal(t, due, len(r.send(sessionA, 1, roomForAll)) == 1, "packet %d", counter)
	}
}
