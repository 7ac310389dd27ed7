package main

import (
	"cmp"
	"flag"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"image/png"
	"os"
	"slices"
)

// runAnimate makes an animated GIF of PNG files of one size, in the order of the
// arguments. All frames share one palette, and each has only what has changed since the
// one before, so that a page that mostly stands still takes little.
func runAnimate(args []string) (err error) {
	flags := flag.NewFlagSet("animate", flag.ContinueOnError)
	out := flags.String("out", "", "the file to write")
	delay := flags.Int("delay", 20, "hundredths of a second between two frames")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *out == "" || flags.NArg() == 0 || *delay < 2 || *delay > 1000 {
		return fmt.Errorf("animate: give --out, PNG files, and a --delay of 2 to 1000")
	}
	var frames []image.Image
	for _, name := range flags.Args() {
		frame, err := readPNG(name)
		if err != nil {
			return err
		}
		if len(frames) > 0 && frame.Bounds() != frames[0].Bounds() {
			return fmt.Errorf("animate: %s has another size than the first frame", name)
		}
		frames = append(frames, frame)
	}
	f, err := os.Create(*out)
	if err != nil {
		return err
	}
	if err := gif.EncodeAll(f, animation(frames, *delay)); err != nil {
		return fmt.Errorf("animate: %w", err)
	}
	return f.Close()
}

func readPNG(name string) (image.Image, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	frame, err := png.Decode(f)
	if err != nil {
		return nil, fmt.Errorf("animate: %s: %w", name, err)
	}
	return frame, nil
}

// animation returns frames as an animation that repeats for ever. The last frame stays for
// two seconds.
func animation(frames []image.Image, delay int) *gif.GIF {
	p := newPalette(frames)
	g := &gif.GIF{Config: image.Config{ColorModel: p.colors, Width: frames[0].Bounds().Dx(), Height: frames[0].Bounds().Dy()}}
	var before *image.Paletted
	for _, frame := range frames {
		whole := p.convert(frame)
		part := changed(before, whole)
		if part.Rect.Empty() { // as before, for longer
			g.Delay[len(g.Delay)-1] += delay
			continue
		}
		g.Image, g.Delay, g.Disposal = append(g.Image, part), append(g.Delay, delay), append(g.Disposal, gif.DisposalNone)
		before = whole
	}
	g.Delay[len(g.Delay)-1] += 200
	return g
}

// changed returns the part of a frame in which it differs from the one before; other pixels
// of it are transparent.
func changed(before, whole *image.Paletted) *image.Paletted {
	if before == nil {
		return whole
	}
	var area image.Rectangle
	for i, c := range whole.Pix {
		if c != before.Pix[i] {
			x, y := i%whole.Stride, i/whole.Stride
			area = area.Union(image.Rect(x, y, x+1, y+1))
		}
	}
	part := image.NewPaletted(area, whole.Palette)
	for y := area.Min.Y; y < area.Max.Y; y++ {
		for x := area.Min.X; x < area.Max.X; x++ {
			c := whole.ColorIndexAt(x, y)
			if c == before.ColorIndexAt(x, y) {
				c = transparent
			}
			part.SetColorIndex(x, y, c)
		}
	}
	return part
}

// transparent is the first entry of the palette.
const transparent = 0

// palette is the most frequent colours of all frames, after the transparent one.
type palette struct {
	colors  color.Palette
	nearest map[[3]uint8]uint8
}

// coarse drops the lowest bits of a colour, so that those of smoothed edges fall together.
func coarse(c color.Color) [3]uint8 {
	r, g, b, _ := c.RGBA()
	const mask = 0xf8
	return [3]uint8{uint8(r>>8) & mask, uint8(g>>8) & mask, uint8(b>>8) & mask}
}

func newPalette(frames []image.Image) *palette {
	type group struct {
		n       int
		r, g, b int // sums
	}
	groups := map[[3]uint8]*group{}
	for _, frame := range frames {
		each(frame, func(_, _ int, c color.Color) {
			k := coarse(c)
			if groups[k] == nil {
				groups[k] = new(group)
			}
			r, g, b, _ := c.RGBA()
			q := groups[k]
			q.n, q.r, q.g, q.b = q.n+1, q.r+int(r>>8), q.g+int(g>>8), q.b+int(b>>8)
		})
	}
	keys := make([][3]uint8, 0, len(groups))
	for k := range groups {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(x, y [3]uint8) int {
		return cmp.Or(groups[y].n-groups[x].n, slices.Compare(x[:], y[:]))
	})
	p := &palette{colors: color.Palette{color.RGBA{}}, nearest: map[[3]uint8]uint8{}}
	for _, k := range keys[:min(len(keys), 255)] {
		q := groups[k]
		p.nearest[k] = uint8(len(p.colors))
		p.colors = append(p.colors, color.RGBA{uint8(q.r / q.n), uint8(q.g / q.n), uint8(q.b / q.n), 255})
	}
	for _, k := range keys[min(len(keys), 255):] {
		p.nearest[k] = uint8(1 + p.colors[1:].Index(color.RGBA{k[0], k[1], k[2], 255}))
	}
	return p
}

func (p *palette) convert(frame image.Image) *image.Paletted {
	b := frame.Bounds()
	out := image.NewPaletted(image.Rect(0, 0, b.Dx(), b.Dy()), p.colors)
	each(frame, func(x, y int, c color.Color) { out.SetColorIndex(x-b.Min.X, y-b.Min.Y, p.nearest[coarse(c)]) })
	return out
}

func each(frame image.Image, f func(x, y int, c color.Color)) {
	b := frame.Bounds()
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			f(x, y, frame.At(x, y))
		}
	}
}
