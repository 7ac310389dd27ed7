package dispatch_test

import (
	"fmt"

	"github.com/intentra/intentra/stages/dispatch"
)

// On each channel only messages that are not older than the newest are accepted.
func ExampleNewest() {
	newest := dispatch.NewNewest(8)
	fmt.Println(newest.Accept(1, 10), newest.Accept(1, 9), newest.Accept(1, 11))
	fmt.Println(newest.Accept(2, 9), "on another channel")
	// Output:
	// true false true
	// true on another channel
}
