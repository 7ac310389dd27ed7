package fuzz

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Steps survive being encoded and parsed.
func TestStepsRoundTrip(t *testing.T) {
	steps := []step{
		{stepPacket, 1, 2, []byte("body")}, {stepRaw, 255, 255, make([]byte, 1<<16-1)}, {stepTime, 0, 0, []byte{}}, {stepNotice, 9, 9, []byte{1}},
	}
	var b []byte
	for _, s := range steps {
		b = appendStep(b, s)
	}
	require.Equal(t, steps, parseSteps(b))
	require.Equal(t, steps[:3], parseSteps(b[:len(b)-6]), "fewer bytes than a header are left")
	require.Empty(t, parseSteps(b[:stepHeader-1]))
	require.Len(t, parseSteps(make([]byte, 10_000)), maxSteps)
}
