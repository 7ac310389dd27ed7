package main

import (
	"image"
	"image/color"
	"image/draw"
	"image/gif"
	"image/png"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// Played in order, the parts of an animation give the frames again.
func TestAnimation(t *testing.T) {
	dir := t.TempDir()
	var names []string
	var frames []*image.RGBA
	for i := range 4 {
		frame := image.NewRGBA(image.Rect(0, 0, 40, 30))
		draw.Draw(frame, frame.Rect, image.NewUniform(color.RGBA{248, 248, 240, 255}), image.Point{}, draw.Src)
		if i != 2 { // twice the same
			draw.Draw(frame, image.Rect(5*i, 4, 5*i+6, 12), image.NewUniform(color.RGBA{184, uint8(16 * i), 8, 255}), image.Point{}, draw.Src)
		} else {
			copy(frame.Pix, frames[1].Pix)
		}
		name := filepath.Join(dir, string(rune('a'+i))+".png")
		f, err := os.Create(name)
		require.NoError(t, err)
		require.NoError(t, png.Encode(f, frame))
		require.NoError(t, f.Close())
		names, frames = append(names, name), append(frames, frame)
	}
	out := filepath.Join(dir, "out.gif")
	require.NoError(t, runAnimate(append([]string{"--out", out, "--delay", "10"}, names...)))
	f, err := os.Open(out)
	require.NoError(t, err)
	defer f.Close()
	g, err := gif.DecodeAll(f)
	require.NoError(t, err)
	require.Equal(t, []int{10, 20, 210}, g.Delay)
	require.Equal(t, image.Rect(0, 4, 11, 12), g.Image[1].Rect, "what has changed alone")
	screen := image.NewRGBA(frames[0].Rect)
	for i, shown := range []int{0, 1, 3} {
		draw.Draw(screen, g.Image[i].Rect, g.Image[i], g.Image[i].Rect.Min, draw.Over)
		require.Equal(t, frames[shown].Pix, screen.Pix, "frame %d", i)
	}
	require.Error(t, runAnimate([]string{"--out", out}))
	require.Error(t, runAnimate([]string{"--out", out, out}))
}
