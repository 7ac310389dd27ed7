package swarm_test

import (
	"fmt"
	"time"

	"github.com/intentra/intentra/internal/swarm"
)

// A scenario and its result depend on the seed only.
func Example() {
	lines := swarm.Generate(7, swarm.Settings{Peers: 4, Time: 10 * time.Second})
	result, err := swarm.Run(lines, nil)
	fmt.Println(lines[0], err)

	again, _ := swarm.Run(lines, nil)
	fmt.Println(result.Hash == again.Hash)
	// Output:
	// seed 7 <nil>
	// true
}
