package pipeline_test

import (
	"fmt"

	"github.com/intentra/intentra/pipeline"
)

// A user's stage is inserted next to a named stage, and counted like any other.
func Example() {
	geofence := pipeline.Func("geofence", []string{"outside"}, func(p *pipeline.Packet) pipeline.Verdict {
		if p.Data[0] > 100 {
			return pipeline.DropFirst
		}
		return pipeline.Accept
	})
	dispatch := pipeline.Func("dispatch", nil, func(p *pipeline.Packet) pipeline.Verdict {
		fmt.Println("at", p.Data[0])
		return pipeline.Accept
	})

	chain, err := pipeline.NewInbound(dispatch).
		InsertBefore("dispatch", geofence).
		Build()
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, x := range []byte{20, 130, 40} {
		chain.Process(&pipeline.Packet{Data: []byte{x}})
	}
	chain.Publish()
	fmt.Println(chain.Counts().Packets)
	fmt.Println(chain.LastDrop())
	// Output:
	// at 20
	// at 40
	// {3 2 0}
	// geofence outside
}

// Build refuses an order in which a stage would process packets that are not
// authenticated yet.
func ExampleBuilder_Build() {
	open := opener{pipeline.Func("aead", nil, func(p *pipeline.Packet) pipeline.Verdict { return pipeline.Accept })}
	geofence := pipeline.Func("geofence", nil, func(p *pipeline.Packet) pipeline.Verdict { return pipeline.Accept })

	_, err := pipeline.NewInbound(open).InsertBefore("aead", geofence).Build()
	fmt.Println(err)
	// Output:
	// pipeline: unsafe order: "geofence" may read plaintext and is before "aead", where packets are sealed; move it to the other side, or let it declare ReadsPlaintext() false
}
