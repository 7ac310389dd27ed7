package script

import (
	"fmt"
	"strings"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/sim"
)

var statusWords = map[intentra.SendStatus]string{
	intentra.Queued: "queued", intentra.Replaced: "replaced", intentra.Dropped: "dropped",
}

func sentWords(queued, replaced, dropped int) string {
	return fmt.Sprintf("queued %d, replaced %d, dropped %d", queued, replaced, dropped)
}

// show prints the counters of a node that are not zero.
func (r *run) show(n *sim.Node) error {
	s := n.Stats()
	var words []string
	add := func(name string, value uint64) {
		if value > 0 {
			words = append(words, fmt.Sprintf("%s %d", name, value))
		}
	}
	for _, name := range []string{"delivered", "peers", "rekeys", "roams", "strikes", "takeovers", "panics", "cookies"} {
		add(name, counters[name](n))
	}
	r.say("%s", strings.Join(words, ", "))
	words = nil
	for _, o := range conn.Outcomes() {
		add(o.String(), s.Handshakes[o])
	}
	r.say("handshakes: %s", strings.Join(words, ", "))
	words = nil
	in, _ := n.Counts()
	for _, d := range in.Drops {
		add(d.Stage+"/"+d.Reason, d.Packets+d.Messages)
	}
	r.say("drops: %s", strings.Join(words, ", "))
	return nil
}
