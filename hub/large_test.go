package hub

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/sim"
)

// Values of up to 64 KiB are relayed with any intent, over loss, and cached like others.
func TestLargeValues(t *testing.T) {
	for _, intent := range []intentra.Intent{intentra.Realtime, intentra.Latest, intentra.Reliable} {
		for _, size := range []int{20 << 10, 64 << 10} {
			t.Run(fmt.Sprint(intent, " ", size), func(t *testing.T) {
				w := newWorld(t, fleetAccess())
				one, two, viewer := w.join("robot-1"), w.join("robot-2"), w.join("viewer")
				first := two.subscribe(Subscription{Pattern: "*/map"})
				pub := one.declare(Topic{Name: "map", Intent: intent})
				w.pass(2 * time.Second)
				if intent != intentra.Realtime { // of which a lost fragment loses the message
					w.SetDefault(sim.Link{Delay: 5 * time.Millisecond, Loss: 0.1, MTU: 1500})
				}
				value := bytes.Repeat([]byte("map "), size/4)
				require.NoError(t, pub.Send(value))
				w.pass(5 * time.Second)
				require.Equal(t, []string{"robot-1/map " + string(value)}, first.read())
				require.ErrorIs(t, pub.Send(append(value, make([]byte, 64<<10)...)), intentra.ErrMessageTooLarge)
				if intent == intentra.Latest {
					late := viewer.subscribe(Subscription{Pattern: "*/map", Cached: true})
					w.pass(5 * time.Second)
					require.Equal(t, []string{"robot-1/map " + string(value) + " cached"}, late.read())
				}
			})
		}
	}
}
