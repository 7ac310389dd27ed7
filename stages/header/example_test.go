package header_test

import (
	"fmt"
	"net/netip"

	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/stages/header"
	"github.com/intentra/intentra/wire"
)

// The stage finds the epoch of a data packet by its receiver index, and drops
// packets without one.
func Example() {
	epoch := pipeline.MakeID(1, 1)
	s := header.New(header.Config{})
	s.EpochOpened(pipeline.EpochNotice{Epoch: epoch})

	for _, receiver := range []uint32{uint32(epoch), 12345} {
		data := wire.AppendHeader(nil, wire.Header{Type: wire.TypeData, Receiver: receiver, Counter: 7})
		data = append(data, make([]byte, wire.TagSize)...)
		var p pipeline.Packet
		p.Reset(data, netip.AddrPort{}, 0)
		fmt.Println(s.Process(&p) == pipeline.Accept, p.Epoch == epoch, p.Counter)
	}
	// Output:
	// true true 7
	// false false 0
}
