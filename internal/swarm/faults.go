package swarm

import (
	"strings"
	"time"
)

// faults lets time pass with one fault after the other.
func (g *generator) faults() {
	count := min(g.between(1, 12)*int(1+g.Time/(3*time.Minute)), mostFaults)
	left := g.Time
	for i := range count {
		pause := min(g.time(time.Millisecond, max(2*g.Time/time.Duration(count), 2*time.Millisecond)), left)
		g.run(pause)
		left -= pause
		if i == count-1 || left <= 0 {
			break
		}
		g.fault()
	}
	g.run(left)
}

func (g *generator) run(d time.Duration) {
	if d > 0 {
		g.add("run %v", d)
	}
}

func (g *generator) fault() {
	n := pick(g.dice, g.nodes...)
	p := pick(g.dice, g.pairs...)
	if g.one(2) {
		p[0], p[1] = p[1], p[0]
	}
	switch g.below(28) {
	case 0, 1:
		g.add("net%s", g.link())
	case 2, 3:
		g.add("links %s %s%s", p[0], p[1], g.link())
	case 4:
		g.add("link %s %s%s", p[0], p[1], pick(g.dice, " cut=yes", g.link()))
	case 5:
		g.partition()
	case 6, 7:
		g.add("heal")
	case 8:
		g.add("kill %s", n)
	case 9, 10:
		g.add("restart %s", n)
	case 11:
		g.add("pause %s", n)
	case 12:
		g.add("suspend %s", n)
	case 13:
		g.add("resume %s", n)
	case 14:
		g.add("jump %s %v", n, g.time(10*time.Millisecond, 5*time.Minute))
	case 15, 16:
		g.add("rebind %s", n)
	case 17:
		g.add("slow %s %v", n, g.time(time.Millisecond, 500*time.Millisecond))
	case 18:
		g.add("load %s %s %s %d every=%v size=%s count=%d", p[0], p[1], g.intent(), g.channel(),
			pick(g.dice, 100*time.Microsecond, time.Millisecond, 10*time.Millisecond), g.size(), pick(g.dice, 10, 100, 500))
	case 19:
		g.attack(n)
	case 20:
		g.add("close %s %s", p[0], p[1])
		if g.one(2) {
			g.run(g.time(time.Millisecond, time.Second))
		}
		g.add("dial %s %s", p[0], p[1])
	case 21:
		g.add("shutdown %s", n)
	case 22, 23:
		g.addAddr(n)
	case 24:
		g.add("dropaddr %s %d", n, g.between(1, 3))
	case 25, 26:
		g.name(n)
	case 27:
		g.add("lookup %s %v", n, g.time(time.Millisecond, 5*time.Second))
	}
}

// addAddr gives the node a further address of either family.
func (g *generator) addAddr(n string) {
	if g.further[n]++; g.further[n] > mostFurther {
		return
	}
	if g.one(2) {
		g.add("addaddr %s", n)
		return
	}
	g.add("addaddr %s 2001:db8::%s:%x", n, n[1:], g.further[n])
}

// name changes the addresses to which the node's name resolves: to none, to those that
// it has now even when it moves, to those of another node, or to one where no node is
// along with others.
func (g *generator) name(n string) {
	const nobody = "192.0.2.9:4000"
	other := pick(g.dice, g.nodes...)
	g.add("name %s %s", n, pick(g.dice, "own", "own", "none", n, nobody, other, nobody+","+n, other+","+n))
}

func (g *generator) partition() {
	var groups [2][]string
	for _, n := range g.nodes {
		if i := g.below(3); i < 2 { // others are in no group
			groups[i] = append(groups[i], n)
		}
	}
	if len(groups[0]) > 0 && len(groups[1]) > 0 {
		g.add("partition %s %s", strings.Join(groups[0], ","), strings.Join(groups[1], ","))
	}
}

func (g *generator) attack(n string) {
	recorded := false
	for _, l := range g.lines {
		recorded = recorded || strings.HasPrefix(l, "record ")
	}
	switch {
	case !recorded || g.one(3):
		g.add("garbage %s %d size=0..1300", n, g.between(1, 300))
	case g.one(2):
		g.add("replay %s", n)
	default:
		g.add("replay %s from=192.0.2.66:6666", n)
	}
}
