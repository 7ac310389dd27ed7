package fuzz_test

import (
	"fmt"

	"github.com/intentra/intentra/fuzz"
	"github.com/intentra/intentra/pipeline"
)

// A stage that does not name its reason.
func ExampleCheck() {
	newGeofence := func() pipeline.Stage {
		return pipeline.Func("geofence", nil, func(p *pipeline.Packet) pipeline.Verdict {
			if len(p.Payload()) != 2 {
				return pipeline.DropFirst
			}
			return pipeline.Accept
		})
	}
	fmt.Println(fuzz.Check(fuzz.Input([]byte{10, 20}), newGeofence))
	fmt.Println(fuzz.Check(fuzz.Input([]byte{10, 20, 30}), newGeofence))
	// Output:
	// <nil>
	// fuzz: stage "geofence" returned verdict 1 with 0 reasons declared, which the stage does not declare: return Accept, Consumed, or DropFirst+i for the i-th of Reasons (message 1 of 1 (realtime, channel 0, session 0x100003), 3 bytes 0a141e)
}
