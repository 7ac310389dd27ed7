package callback

import (
	"testing"

	"github.com/stretchr/testify/require"
)

//go:noinline
func loop(f func()) {
	Loop.Mark()
	f()
}

//go:noinline
func deep(n int, f func()) {
	if n == 0 {
		f()
		return
	}
	deep(n-1, f)
}

// A callback is recognised at any depth of the stack. A goroutine that it starts is not
// in it.
func TestInside(t *testing.T) {
	require.False(t, Inside())
	for _, depth := range []int{0, 1, 60, 61, 62, 63, 64, 65, 200} {
		loop(func() {
			deep(depth, func() { require.True(t, Inside(), depth) })
			elsewhere := make(chan bool)
			go func() { elsewhere <- Inside() }()
			require.False(t, <-elsewhere)
		})
	}
	require.False(t, Inside())
}
