package script_test

import (
	"fmt"
	"log"
	"strings"

	"github.com/intentra/intentra/sim/script"
)

// A hub and a robot over a network that loses a third of the packets. A Reliable
// message arrives nevertheless, within simulated seconds that take no real time.
func Example() {
	s, err := script.Parse(strings.NewReader(`
seed 1
net delay=20ms loss=0.3
node hub
node robot
dial robot hub
run 5s
send robot hub reliable 1 "here I am"
run 5s
expect connected hub robot
expect delivered hub = 1
`))
	if err != nil {
		log.Fatal(err)
	}
	result, err := s.Run(script.Options{})
	fmt.Println(result.Delivered, result.Elapsed, err)
	// Output: 1 10s <nil>
}
