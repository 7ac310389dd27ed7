package chain_test

import (
	"fmt"

	"github.com/intentra/intentra/fuzz/chain"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/stages"
)

// Check runs the default chains with a user's stage in them on one input. In a
// fuzz test, Fuzz does the same for every input of the engine.
func ExampleCheck() {
	geofence := func() pipeline.Stage {
		return pipeline.Func("geofence", []string{"outside"}, func(p *pipeline.Packet) pipeline.Verdict {
			if len(p.Payload()) != 2 {
				return pipeline.DropFirst
			}
			return pipeline.Accept
		})
	}
	insert := func(s *stages.Set) error {
		s.InsertAfter("ack", geofence())
		return nil
	}
	fmt.Println(chain.Check([]byte("any bytes"), insert))
	// Output: <nil>
}
