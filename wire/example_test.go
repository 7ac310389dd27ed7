package wire_test

import (
	"fmt"

	"github.com/intentra/intentra/wire"
)

// Frames are appended to a packet's plaintext and parsed one after the other.
func Example() {
	frames := wire.AppendPing(nil)
	frames = wire.AppendMessage(frames, wire.FrameLatest, 7, []byte("x=10"))

	var f wire.Frame
	for len(frames) > 0 {
		n := f.Parse(frames)
		if n == 0 {
			fmt.Println("malformed")
			return
		}
		if f.Type.IsMessage() {
			fmt.Printf("channel %d: %s\n", f.Channel, f.Payload)
		} else {
			fmt.Println("control frame", f.Type == wire.FramePing)
		}
		frames = frames[n:]
	}
	// Output:
	// control frame true
	// channel 7: x=10
}

// A malformed header names its fault.
func ExampleParseHeader() {
	b := wire.AppendHeader(nil, wire.Header{Type: wire.TypeData, Receiver: 0x01020304, Counter: 9})
	b = append(b, make([]byte, wire.TagSize)...)
	h, fault := wire.ParseHeader(b)
	fmt.Println(h.Type, h.Receiver == 0x01020304, h.Counter, fault == 0)

	_, fault = wire.ParseHeader(b[:10])
	fmt.Println(wire.FaultNames()[fault-1])
	// Output:
	// data true 9 true
	// short
}
