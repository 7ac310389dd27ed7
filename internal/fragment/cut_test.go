package fragment

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCut(t *testing.T) {
	for _, size := range []int{1, 63, 64, 65, 1087, 1088, 1089, 20 << 10, 64 << 10} {
		for _, chunk := range []int{64, 192, 1088} {
			c := NewCut(size, chunk)
			total, count := 0, 0
			require.False(t, c.Started())
			for at, n := c.Next(); n > 0; at, n = c.Next() {
				require.Equal(t, total, at)
				require.LessOrEqual(t, n, chunk)
				atI, nI := c.At(count)
				require.Equal(t, []int{at, n}, []int{atI, nI})
				total, count = total+n, count+1
				require.False(t, c.Done())
				c.Sent()
				require.True(t, c.Started())
			}
			require.Equal(t, size, total)
			require.Equal(t, c.Count(), count)
			require.True(t, c.Done())
			c.Sent()
			require.True(t, c.Done())
		}
	}
}

func TestChunk(t *testing.T) {
	require.Equal(t, 1088, Chunk(1140, 30))
	require.Equal(t, 1088, Chunk(1118, 30))
	require.Equal(t, 1024, Chunk(1117, 30))
	require.Equal(t, 64, Chunk(94, 30))
	require.Zero(t, Chunk(93, 30))
	require.Zero(t, Chunk(-5, 30))
}
