package hub

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

// Circles and spheres of any radius contain what is inside, although squares of their radius
// or of a distance overflow or become zero.
func TestCirclesOfAnySize(t *testing.T) {
	for _, r := range []float64{math.SmallestNonzeroFloat64, 1e-300, 1e-200, 1e-150, 1e-140, 1e-139, 1, 1e100, 1e150, 1e154, 1e155, 1e200, 1e300, 4e307} {
		plane, space := Circle(0, 0, r), &Area{Centre: []float64{0, 0, 0}, Radius: r}
		for scale, want := range map[float64]bool{0: true, 1: true, 2: false, 4: false} {
			for _, p := range []position{{scale * r, 0, 0}, {0, -scale * r, 0}} {
				require.Equal(t, want, plane.contains(p), "%v in %v", p, r)
				require.Equal(t, want, space.contains(p), "%v in %v", p, r)
			}
			require.Equal(t, want, space.contains(position{0, 0, scale * r}), "%v", r)
		}
		if r > 1e-300 {
			require.True(t, plane.contains(position{r / 2, r / 2, math.NaN()}))
			require.False(t, plane.contains(position{r * 0.8, r * 0.8, math.NaN()}))
			require.False(t, space.contains(position{r * 0.6, r * 0.6, r * 0.6}))
			require.False(t, plane.contains(position{math.MaxFloat64, -math.MaxFloat64, 0}))
		}
	}
	require.True(t, Circle(5, 5, 5).contains(position{1, 2, 0}), "the border")
	require.True(t, Circle(1, 1, 0).contains(position{1, 1, 0}))
	require.False(t, Circle(1, 1, 0).contains(position{1, 1.0000001, 0}))
	require.False(t, Circle(-math.MaxFloat64, 0, 1e308).contains(position{math.MaxFloat64, 0, 0}), "farther than any number")
	require.False(t, Circle(0, 0, 1).contains(position{1e-200, 1e300, 0}))
}
