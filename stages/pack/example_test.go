package pack_test

import (
	"fmt"
	"net/netip"

	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/stages/pack"
	"github.com/intentra/intentra/wire"
)

// The stage appends the current message to the packet as a frame.
func Example() {
	var p pipeline.Packet
	p.Reset(make([]byte, 0, 256), netip.AddrPort{}, 0)
	p.Intent, p.Channel = pipeline.Latest, 7
	p.SetPayload([]byte("x=10"))

	s := pack.New()
	size := s.Size(&p)
	fmt.Println(s.Process(&p) == pipeline.Accept, len(p.Data) == size)

	var f wire.Frame
	f.Parse(p.Data)
	fmt.Println(f.Channel, string(f.Payload))
	// Output:
	// true true
	// 7 x=10
}
