package swarm

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/intentra/intentra"
)

// Bounds of Settings.
const (
	LeastPeers, MostPeers = 2, 64
	LeastTime, MostTime   = time.Second, 1000 * time.Hour
)

// What we chose.
const (
	messageBudget = 4000 // about, of all loads of a scenario
	settleWithin  = 30 * time.Second
	drainWithin   = 4 * time.Minute // if a backlog may take longer: 1 MiB of Reliable in datagrams of 256 bytes at the lowest rate takes 120 s
	mostFaults    = 400
	loadsPerNode  = 2
	mostFurther   = 60 // addresses that a node gets
	lowestRate    = 50 // packets per second
	largestSizes  = "0..5000"
)

// Settings are the limits of the scenarios.
type Settings struct {
	Peers int           // the most nodes, from LeastPeers to MostPeers
	Time  time.Duration // the duration of the faults, from LeastTime to MostTime
}

// generator writes a script.
type generator struct {
	dice
	Settings
	lines   []string
	nodes   []string
	pairs   [][2]string    // dialer and dialled
	further map[string]int // addresses that each node has got
}

// Generate returns the lines of a script, which depend on the seed and the
// settings only.
func Generate(seed uint64, s Settings) []string {
	g := &generator{dice: newDice(seed), Settings: s, further: map[string]int{}}
	g.add("seed %d", seed)
	g.topology()
	g.add("net%s", g.link())
	for _, p := range g.pairs {
		g.add("dial %s %s", p[0], p[1])
	}
	if g.one(2) {
		g.add("record %d", g.between(1, 200))
	}
	for range g.between(1, loadsPerNode*len(g.nodes)) {
		g.load()
	}
	g.faults()
	g.add("settle %v", g.settleTime())
	g.add("expect strikes * = 0")
	g.add("expect panics * = 0")
	return g.lines
}

// settleTime returns how long the scenario may take to settle.
func (g *generator) settleTime() time.Duration {
	has := func(setting string) bool {
		return slices.ContainsFunc(g.lines, func(line string) bool { return slices.Contains(strings.Fields(line), setting) })
	}
	if has(fmt.Sprintf("rate=%d", lowestRate)) && has("size="+largestSizes) {
		return drainWithin
	}
	return settleWithin
}

func (g *generator) add(format string, values ...any) {
	g.lines = append(g.lines, fmt.Sprintf(format, values...))
}

// topology makes the nodes and the dials between them.
func (g *generator) topology() {
	n := g.between(LeastPeers, g.Peers)
	for i := range n {
		g.nodes = append(g.nodes, fmt.Sprintf("n%d", i))
		g.add("node n%d%s", i, g.node())
		for g.one(4) {
			g.addAddr(g.nodes[i])
		}
	}
	dial := func(i, j int) {
		if g.one(2) {
			i, j = j, i
		}
		g.pairs = append(g.pairs, [2]string{g.nodes[i], g.nodes[j]})
		if g.one(3) { // both dial
			g.pairs = append(g.pairs, [2]string{g.nodes[j], g.nodes[i]})
		}
	}
	switch shape := g.below(4); {
	case shape == 0 && n <= 6: // a mesh
		for i := range n {
			for j := range i {
				dial(j, i)
			}
		}
	case shape == 1: // pairs
		for i := 0; i+1 < n; i += 2 {
			dial(i, i+1)
		}
	case shape == 2: // a chain
		for i := range n - 1 {
			dial(i, i+1)
		}
	default: // a star
		for i := 1; i < n; i++ {
			dial(i, 0)
		}
	}
}

// node draws the settings of a node.
func (g *generator) node() string {
	var s strings.Builder
	maybe := func(chance int, format string, value any) (given bool) {
		if given = g.one(chance); given {
			fmt.Fprintf(&s, " "+format, value)
		}
		return given
	}
	maybe(3, "drift=%d", pick(g.dice, -100, -40, 15, 100))
	maybe(4, "datagram=%d", pick(g.dice, 256, 300, 576, 1452, 9000))
	maybe(2, "suite=%s", pick(g.dice, "aesgcm", "chachapoly"))
	maybe(2, "rekey=%d", pick(g.dice, 16, 32, 64, 128, 500, 2000))
	maybe(4, "rekey-after=%v", g.time(5*time.Second, time.Minute))
	idle := g.time(500*time.Millisecond, time.Minute)
	if !maybe(3, "idle=%v", idle) {
		idle = intentra.DefaultIdleTimeout
	}
	maybe(4, "keepalive=%v", min(g.time(200*time.Millisecond, 2*time.Second), idle/2))
	maybe(4, "unanswered=%v", min(g.time(500*time.Millisecond, 4*time.Second), idle))
	maybe(4, "handshake=%v", g.time(2*time.Second, 5*time.Second))
	maybe(6, "forget=%v", g.time(5*time.Second, time.Minute))
	maybe(4, "window=%d", pick(g.dice, 64, 128, 1024, 65536))
	maybe(4, "queue=%d", pick(g.dice, 1, 4, 64))
	maybe(4, "reliable-queue=%d", pick(g.dice, 1, 16, 256))
	maybe(4, "job=%v", g.time(time.Millisecond, 50*time.Millisecond))
	maybe(6, "rate=%d", pick(g.dice, lowestRate, 200, 1000))
	maybe(6, "burst=%d", pick(g.dice, 10, 50, 200))
	maybe(8, "roaming=%s", "no")
	handshakes := pick(g.dice, 1, 2, 8)
	if !maybe(8, "max-handshakes=%d", handshakes) {
		handshakes = intentra.DefaultMaxHandshakes
	}
	maybe(8, "per-address=%d", min(pick(g.dice, 1, 2), handshakes))
	return s.String()
}

// link draws the settings of a link, usually few of them.
func (g *generator) link() string {
	var s strings.Builder
	maybe := func(chance int, format string, value any) {
		if g.one(chance) {
			fmt.Fprintf(&s, " "+format, value)
		}
	}
	maybe(2, "delay=%v", g.time(time.Millisecond, 300*time.Millisecond))
	maybe(2, "jitter=%v", g.time(time.Millisecond, 200*time.Millisecond))
	maybe(2, "loss=%v", g.share(0.4))
	maybe(3, "dup=%v", g.share(0.5))
	maybe(3, "reorder=%v reorder-delay=50ms", g.share(0.5))
	maybe(4, "corrupt=%v", g.share(0.1))
	maybe(4, "truncate=%v", g.share(0.1))
	maybe(4, "burst=%s", fmt.Sprintf("%v/%v/%v", g.share(0.1), g.share(0.5), g.share(1)))
	maybe(5, "mtu=%d", pick(g.dice, 576, 700, 1000, 1200, 1280, 1400, 1500, 4080, 9000))
	maybe(10, "local-mtu=%d", pick(g.dice, 576, 1000, 1280, 1500, 9000))
	if g.one(5) {
		fmt.Fprintf(&s, " rate=%d queue=%d", pick(g.dice, 2000, 10000, 100000), pick(g.dice, 1500, 10000, 65536))
	}
	return s.String()
}

// load draws a load between two nodes that dial each other. Long loads are slow,
// so that all seeds take about as long.
func (g *generator) load() {
	p := pick(g.dice, g.pairs...)
	if g.one(2) {
		p[0], p[1] = p[1], p[0]
	}
	if g.one(5) {
		p[1] = "*"
	}
	least := max(g.Time*time.Duration(len(g.nodes))/messageBudget, 2*time.Millisecond)
	every := max(g.time(least, 64*least), time.Millisecond)
	g.add("load %s %s %s %d every=%v size=%s%s", p[0], p[1], g.intent(), g.channel(), every, g.size(), g.options())
}

// options draws what messages ask for, usually little of it.
func (g *generator) options() string {
	var s strings.Builder
	if g.one(3) {
		s.WriteString(" token=yes")
	}
	if g.one(3) {
		s.WriteString(" stamp=yes")
	}
	if g.one(4) {
		fmt.Fprintf(&s, " ttl=%v", g.time(5*time.Millisecond, 20*time.Second))
	}
	if g.one(4) {
		fmt.Fprintf(&s, " priority=%s", pick(g.dice, "low", "high", "urgent"))
	}
	return s.String()
}

func (g *generator) intent() string { return pick(g.dice, "realtime", "latest", "reliable") }

func (g *generator) channel() int { return pick(g.dice, 0, 1, 2, 70000) }

func (g *generator) size() string {
	return pick(g.dice, "11", "32", "100", "11..200", "0..1100", largestSizes)
}
