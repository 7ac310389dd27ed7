package compare

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/intentra/intentra/bench/trial"
)

// The files that Draw makes: one figure for light pages and one for dark ones.
const (
	LightFile = "load-light.svg"
	DarkFile  = "load-dark.svg"
)

// The figure, in pixels: two panels above each other that share the axis of the load,
// with room for a title, and for the names of the curves at their right.
const (
	width  = 760
	height = 640
	left   = 64
	right  = 190
	upper  = 76 // top of the panel of deliveries
	middle = 360
	lower  = 400 // top of the panel of latencies
	bottom = 590
	line   = 15 // between the names of two curves
)

// theme has the colours of the live page.
type theme struct {
	file, page, ink, second, hairline, strong string
	dark                                      bool
}

var themes = []theme{
	{file: LightFile, page: "#faf9f6", ink: "#16191d", second: "#474d55", hairline: "#e4e1d9", strong: "#cbc7bc"},
	{file: DarkFile, page: "#0d1013", ink: "#e9ebee", second: "#b1b8c0", hairline: "#22282e", strong: "#384049", dark: true},
}

// look is how a contender is drawn: its name in the figure, a colour for each theme, and
// the dashes of its line, for those who cannot tell colours apart.
type look struct {
	name, label, light, dark, dashes string
	bold                             bool
}

var looks = []look{
	{"intentra", "intentra", "#0b6b66", "#63cfc3", "", true},
	{"raw", "raw limit", "#16191d", "#e9ebee", "2 3", false},
	{"quic-go", "quic-go datagrams", "#b03f0c", "#ff9c66", "", false},
	{"pion-dtls", "pion/dtls", "#7a3e9d", "#c99be8", "8 3", false},
	{"udp", "plain UDP, not encrypted", "#2f5fa8", "#8ab4f0", "8 3 2 3", false},
	{"intentra-receive", "intentra, Receive", "#23817a", "#2f978e", "8 3", false},
	{"raw-nogso", "raw, a socket each", "#656b74", "#8b939d", "2 3", false},
	{"intentra-nogso", "intentra, a socket each", "#4a9e96", "#23736c", "2 3", false},
}

func (l look) color(t theme) string {
	if t.dark {
		return l.dark
	}
	return l.light
}

// ErrEmpty is returned for a sweep without points to draw.
var ErrEmpty = errors.New("nothing to draw: no contender delivered a message")

// Draw writes the figure for each theme to the folder, which it creates if necessary.
func Draw(folder string, r *Sweep) error {
	f := newFigure(r)
	if len(f.curves) == 0 {
		return ErrEmpty
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	for _, t := range themes {
		if err := os.WriteFile(filepath.Join(folder, t.file), []byte(f.svg(t)), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// drawn is a contender with its points in the order of the load, without those that a
// logarithmic axis cannot show.
type drawn struct {
	look
	points []trial.Point
}

type figure struct {
	title, subtitle      string
	curves               []drawn
	load, delivered, lat scale
}

func newFigure(r *Sweep) *figure {
	f := &figure{
		title:    "What arrives, and how late",
		subtitle: fmt.Sprintf("%d-byte messages, %d connections, %s, %d cores", r.Shape.Size, r.Shape.Connections, r.Machine.CPU, r.Machine.Cores),
	}
	var loads, latencies []float64
	for _, l := range looks {
		for _, c := range r.Curves {
			if c.Contender != l.name {
				continue
			}
			points := slices.DeleteFunc(slices.Clone(c.Points), func(p trial.Point) bool {
				return p.SentRate <= 0 || p.Delivered == 0 || p.P50us <= 0
			})
			slices.SortFunc(points, func(a, b trial.Point) int { return int(math.Copysign(1, a.SentRate-b.SentRate)) })
			if len(points) == 0 {
				continue
			}
			f.curves = append(f.curves, drawn{l, points})
			for _, p := range points {
				loads, latencies = append(loads, p.SentRate, arrived(p)), append(latencies, p.P50us, p.P99us)
			}
		}
	}
	if len(f.curves) == 0 {
		return f
	}
	f.load = newScale(loads, left, width-right)
	f.delivered = newScale(loads, middle, upper)
	f.lat = newScale(latencies, bottom, lower)
	return f
}

// arrived returns the messages delivered per second.
func arrived(p trial.Point) float64 { return p.SentRate * p.Delivery }

// scale maps values to pixels, logarithmically.
type scale struct{ low, high, from, to float64 }

func newScale(values []float64, from, to float64) scale {
	values = slices.DeleteFunc(values, func(v float64) bool { return v <= 0 })
	low, high := slices.Min(values), slices.Max(values)
	return scale{low / 1.1, high * 1.1, from, to}
}

func (s scale) at(v float64) float64 {
	return s.from + (math.Log(v)-math.Log(s.low))/(math.Log(s.high)-math.Log(s.low))*(s.to-s.from)
}

// svg draws the figure.
func (f *figure) svg(t theme) string {
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%[1]d" height="%[2]d" viewBox="0 0 %[1]d %[2]d" role="img" aria-label="%[3]s: delivered against sent messages per second, and below it latency">
<style>text{font-family:system-ui,-apple-system,"Segoe UI",Inter,"DejaVu Sans",sans-serif;font-size:12px;font-variant-numeric:tabular-nums;fill:%[4]s}.t{font-size:15px;font-weight:560;fill:%[5]s}.h{fill:%[5]s;font-weight:560}.n{font-size:12px}.e{text-anchor:end}.m{text-anchor:middle}</style>
<rect width="%[1]d" height="%[2]d" fill="%[6]s"/>
`, width, height, escape(f.title), t.second, t.ink, t.page)
	text(&b, "t", left, 22, f.title)
	text(&b, "", left, 40, f.subtitle)
	text(&b, "h", left, upper-6, "Delivered messages per second")
	text(&b, "h", left, lower-6, "One-way latency: median, and 99th percentile (thin)")
	f.axes(&b, t)
	f.lines(&b, t)
	b.WriteString("</svg>\n")
	return b.String()
}

func (f *figure) axes(b *strings.Builder, t theme) {
	rule := func(x1, y1, x2, y2 float64, color string) {
		fmt.Fprintf(b, "<path d=\"M%.1f %.1fL%.1f %.1f\" stroke=\"%s\" fill=\"none\"/>\n", x1, y1, x2, y2, color)
	}
	for _, tick := range rates.Ticks(f.load.low, f.load.high) {
		if tick.label == "" {
			continue
		}
		x := f.load.at(tick.value)
		rule(x, upper, x, middle, t.hairline)
		rule(x, lower, x, bottom, t.hairline)
		text(b, "m", x, bottom+18, tick.label)
		y := f.delivered.at(tick.value)
		rule(left, y, width-right, y, t.hairline)
		text(b, "e", left-8, y+4, tick.label)
	}
	for _, tick := range latencies.Ticks(f.lat.low, f.lat.high) {
		if tick.label == "" {
			continue
		}
		y := f.lat.at(tick.value)
		rule(left, y, width-right, y, t.hairline)
		text(b, "e", left-8, y+4, tick.label)
	}
	text(b, "e", width-right, bottom+38, "messages sent per second")
	// Where everything arrives.
	low, high := f.load.low, f.load.high
	rule(f.load.at(low), f.delivered.at(low), f.load.at(high), f.delivered.at(high), t.strong)
	text(b, "e", f.load.at(high)-46, f.delivered.at(high)+14, "all of them")
}

// lines draws the curves, and the name of each at the end of its line in both panels.
func (f *figure) lines(b *strings.Builder, t theme) {
	var delivered, latency []name
	for _, c := range f.curves {
		weight := 1.5
		if c.bold {
			weight = 2.5
		}
		f.path(b, c, t, weight, f.delivered, arrived)
		f.path(b, c, t, weight, f.lat, func(p trial.Point) float64 { return p.P50us })
		f.path(b, c, t, 0.75, f.lat, func(p trial.Point) float64 { return p.P99us })
		last := c.points[len(c.points)-1]
		delivered = append(delivered, name{c.label, c.color(t), f.load.at(last.SentRate), f.delivered.at(max(arrived(last), f.delivered.low)), 0})
		latency = append(latency, name{c.label, c.color(t), f.load.at(last.SentRate), f.lat.at(last.P50us), 0})
	}
	writeNames(b, delivered, upper, middle)
	writeNames(b, latency, lower, bottom)
}

func (f *figure) path(b *strings.Builder, c drawn, t theme, weight float64, s scale, value func(trial.Point) float64) {
	var d strings.Builder
	for i, p := range c.points {
		if v := value(p); v > 0 {
			fmt.Fprintf(&d, "%c%.1f %.1f", "ML"[min(i, 1)], f.load.at(p.SentRate), s.at(v))
		}
	}
	fmt.Fprintf(b, "<path d=\"%s\" stroke=\"%s\" stroke-width=\"%g\" stroke-dasharray=\"%s\" stroke-linejoin=\"round\" fill=\"none\"/>\n", d.String(), c.color(t), weight, c.dashes)
}

// name is the label of a curve: the end of its line, and the height of the label.
type name struct {
	text, color string
	x, y, at    float64
}

// writeNames writes labels in the right margin, as near to the ends of their lines as
// they fit between top and bottom, each with a leader to its line.
func writeNames(b *strings.Builder, names []name, top, bottom float64) {
	spread(names, top, bottom)
	for _, n := range names {
		fmt.Fprintf(b, "<path d=\"M%.1f %.1fL%.1f %.1fL%.1f %.1f\" stroke=\"%s\" stroke-width=\"0.75\" fill=\"none\" opacity=\"0.6\"/>\n",
			n.x+3, n.y, float64(width-right+4), n.at, float64(width-right+12), n.at, n.color)
		fmt.Fprintf(b, "<text class=\"n\" x=\"%d\" y=\"%.1f\" style=\"fill:%s\">%s</text>\n", width-right+16, n.at+4, n.color, escape(n.text))
	}
}

// spread sorts names by the ends of their lines, and places them so that none overlap.
func spread(names []name, top, bottom float64) {
	slices.SortStableFunc(names, func(a, b name) int { return int(math.Copysign(1, a.y-b.y)) })
	at := top - line
	for i := range names {
		at = max(names[i].y, at+line)
		names[i].at = at
	}
	for i, limit := len(names)-1, bottom; i >= 0; i-- {
		names[i].at = min(names[i].at, limit)
		limit = names[i].at - line
	}
}

func text(b *strings.Builder, class string, x, y float64, s string) {
	fmt.Fprintf(b, "<text class=\"%s\" x=\"%.1f\" y=\"%.1f\">%s</text>\n", class, x, y, escape(s))
}

func escape(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;").Replace(s)
}
