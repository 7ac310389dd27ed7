package hub

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
)

// BenchmarkDeclare declares and retracts a topic at a hub whose 100 other clients have 256
// subscriptions each.
func BenchmarkDeclare(b *testing.B) {
	for name, pattern := range map[string]string{
		"matching": "**", "another": "other-%[1]d/*", "inner": "*/%[1]d", "stars": "*o*o*o*o*o*o*x/%[1]d",
	} {
		b.Run(name, func(b *testing.B) {
			const clients, each = 100, 256
			w := newWorld(b, robotsAccess(clients))
			owner := w.join("viewer")
			for i := range clients {
				m := w.hub.core.publishers[w.join(fmt.Sprint("robot-", i)).node.Key()].member
				for n := range each {
					text := pattern
					if pattern != "**" {
						text = fmt.Sprintf(pattern, n)
					}
					p, err := ParsePattern(text)
					require.NoError(b, err)
					m.subscriptions = append(m.subscriptions, &subscription{id: uint32(n), pattern: p})
				}
			}
			pub := w.hub.core.publishers[owner.node.Key()]
			b.ReportAllocs()
			for b.Loop() {
				t := w.hub.core.create(pub, Topic{Name: "oooooooooooooooooooooooooooooo", Intent: intentra.Latest}, w.Elapsed())
				w.hub.core.remove(t, w.Elapsed())
			}
		})
	}
}
