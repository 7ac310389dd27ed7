package compare

import (
	"errors"
	"fmt"
	"image/color"
	"os"
	"path/filepath"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/intentra/intentra/bench/trial"
)

// The files that Draw makes.
const (
	DeliveryFile = "delivery.svg"
	LatencyFile  = "latency.svg"
)

const (
	width  = 18 * vg.Centimeter
	height = 12 * vg.Centimeter
)

// look is how a contender is drawn.
type look struct {
	name, label string
	color       color.Color
	shape       draw.GlyphDrawer
}

// looks have the colours of Okabe and Ito, which colour-blind readers can tell
// apart, and different shapes for printing in grey.
var looks = []look{
	{"intentra", "intentra", color.RGBA{0, 114, 178, 255}, draw.CircleGlyph{}},
	{"raw", "raw limit", color.RGBA{0, 0, 0, 255}, draw.CrossGlyph{}},
	{"quic-go", "quic-go datagrams", color.RGBA{230, 159, 0, 255}, draw.TriangleGlyph{}},
	{"pion-dtls", "pion/dtls", color.RGBA{204, 121, 167, 255}, draw.SquareGlyph{}},
	{"udp", "net.UDPConn, not encrypted", color.RGBA{0, 158, 115, 255}, draw.PyramidGlyph{}},
	{"intentra-receive", "intentra, Receive", color.RGBA{86, 180, 233, 255}, draw.RingGlyph{}},
	{"raw-nogso", "raw, a socket each", color.RGBA{110, 110, 110, 255}, draw.PlusGlyph{}},
	{"intentra-nogso", "intentra, a socket each", color.RGBA{213, 94, 0, 255}, draw.BoxGlyph{}},
}

// ErrEmpty is returned for a sweep without points to draw.
var ErrEmpty = errors.New("nothing to draw: no contender delivered a message")

// Draw writes both figures to the folder, which it creates if necessary.
func Draw(folder string, r *Sweep) error {
	if !drawable(r) {
		return ErrEmpty
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	for name, make := range map[string]func(*Sweep) (*plot.Plot, error){
		DeliveryFile: plotDelivery, LatencyFile: plotLatency,
	} {
		p, err := make(r)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if err := p.Save(width, height, filepath.Join(folder, name)); err != nil {
			return err
		}
	}
	return nil
}

func drawable(r *Sweep) (any bool) {
	_ = eachCurve(r, func(_ look, points []trial.Point) error {
		any = any || slices.ContainsFunc(points, func(p trial.Point) bool { return p.Delivered > 0 && p.P50us > 0 })
		return nil
	})
	return any
}

// plotDelivery plots the share delivered against the load.
func plotDelivery(r *Sweep) (*plot.Plot, error) {
	p := newPlot(r, "Delivery against load")
	p.Y.Label.Text = "delivered (% of messages sent)"
	p.Y.Min, p.Y.Max = 0, 100
	p.Legend.Left = true
	err := eachCurve(r, func(l look, points []trial.Point) error {
		return addLine(p, l, l.label, solid, points, func(pt trial.Point) float64 { return 100 * pt.Delivery })
	})
	return p, err
}

// plotLatency plots the median and the 99th percentile against the load.
func plotLatency(r *Sweep) (*plot.Plot, error) {
	p := newPlot(r, "One-way latency against load")
	p.Y.Label.Text = "one-way latency (p50 solid, p99 dashed)"
	p.Y.Scale = plot.LogScale{}
	p.Y.Tick.Marker = latencies
	p.Legend.Top, p.Legend.Left = true, true
	err := eachCurve(r, func(l look, points []trial.Point) error {
		err := addLine(p, l, l.label, solid, points, func(pt trial.Point) float64 { return pt.P50us })
		if err != nil {
			return err
		}
		return addLine(p, l, "", dashed, points, func(pt trial.Point) float64 { return pt.P99us })
	})
	return p, err
}

func newPlot(r *Sweep, title string) *plot.Plot {
	plot.DefaultFont = font.Font{Typeface: "Liberation", Variant: "Sans"}
	p := plot.New()
	p.Title.Text = fmt.Sprintf("%s: %d-byte messages, %d connections, %s, %d cores",
		title, r.Shape.Size, r.Shape.Connections, r.Machine.CPU, r.Machine.Cores)
	p.Title.TextStyle.Font.Size = 11
	p.Title.Padding = 6
	p.X.Label.Text = "load (messages sent per second)"
	p.X.Scale = plot.LogScale{}
	p.X.Tick.Marker = rates
	p.X.Padding, p.Y.Padding = 6, 6
	p.Legend.TextStyle.Font.Size = 9
	p.Legend.Padding = 2
	grid := plotter.NewGrid()
	grid.Vertical.Color, grid.Horizontal.Color = color.Gray{225}, color.Gray{225}
	p.Add(grid)
	return p
}

// eachCurve calls f for the curves that have a look, in the order of looks.
func eachCurve(r *Sweep, f func(look, []trial.Point) error) error {
	for _, l := range looks {
		for _, c := range r.Curves {
			if c.Contender != l.name {
				continue
			}
			if err := f(l, c.Points); err != nil {
				return err
			}
		}
	}
	return nil
}

// The dashes of a line.
var (
	solid  []vg.Length
	dashed = []vg.Length{4, 3}
)

// addLine adds one line, with an entry in the legend if label is not empty.
// Points at zero are left out, as the axes are logarithmic.
func addLine(p *plot.Plot, l look, label string, dashes []vg.Length, points []trial.Point, y func(trial.Point) float64) error {
	var xys plotter.XYs
	for _, pt := range points {
		if pt.SentRate > 0 && y(pt) > 0 {
			xys = append(xys, plotter.XY{X: pt.SentRate, Y: y(pt)})
		}
	}
	if len(xys) == 0 {
		return nil
	}
	line, marks, err := plotter.NewLinePoints(xys)
	if err != nil {
		return err
	}
	line.Color, line.Width, line.Dashes = l.color, 1.5, dashes
	marks.Color, marks.Shape, marks.Radius = l.color, l.shape, 2.5
	p.Add(line, marks)
	if label != "" {
		p.Legend.Add(label, line, marks)
	}
	return nil
}
