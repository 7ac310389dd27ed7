package replay_test

import (
	"fmt"

	"github.com/intentra/intentra/stages/replay"
)

// A window of 64 counters accepts each counter once, in any order, and none that
// is too far below the highest.
func ExampleWindow() {
	w := replay.NewWindow(64)
	for _, counter := range []uint64{1, 3, 2, 3, 100, 30} {
		switch w.Accept(counter) {
		case replay.Accepted:
			fmt.Println(counter, "accepted")
		case replay.Replayed:
			fmt.Println(counter, "replayed")
		case replay.TooOld:
			fmt.Println(counter, "too old")
		}
	}
	// Output:
	// 1 accepted
	// 3 accepted
	// 2 accepted
	// 3 replayed
	// 100 accepted
	// 30 too old
}
