package load

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Lines are at most 80 columns wide, and only whole items move to the next.
func TestWrapList(t *testing.T) {
	var b strings.Builder
	WrapList(&b, 3, "drops: ", []string{"aead/forged 7"})
	require.Equal(t, "   drops: aead/forged 7\n", b.String())
	var items []string
	for range 20 {
		items = append(items, "socket/overflow 12")
	}
	b.Reset()
	WrapList(&b, 3, "drops: ", items)
	lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
	require.Len(t, lines, 7)
	for i, line := range lines {
		require.LessOrEqual(t, len(line), 80)
		require.Equal(t, i < len(lines)-1, strings.HasSuffix(line, ","), line)
	}
	joined := strings.TrimPrefix(strings.ReplaceAll(strings.Join(lines, ""), "     ", " "), "   drops: ")
	require.Equal(t, strings.Join(items, ", "), joined)
	b.Reset()
	WrapList(&b, 0, "none", nil)
	require.Equal(t, "none\n", b.String())
}
