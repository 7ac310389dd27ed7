package fuzz

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// What is made of steps is taken apart to the same steps.
func TestSteps(t *testing.T) {
	steps := []step{
		{stepPacket, 1, 2, []byte("body")}, {stepRaw, 255, 255, make([]byte, 1<<16-1)}, {stepTime, 0, 0, []byte{}}, {stepNotice, 9, 9, []byte{1}},
	}
	var b []byte
	for _, s := range steps {
		b = appendStep(b, s)
	}
	require.Equal(t, steps, parseSteps(b))
	require.Equal(t, steps[:3], parseSteps(b[:len(b)-6]), "less than a header is left")
	require.Empty(t, parseSteps(b[:stepHeader-1]))
	require.Len(t, parseSteps(make([]byte, 10_000)), maxSteps)
}
