package main

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"time"

	"github.com/intentra/intentra/hub"
	"github.com/intentra/intentra/pipeline"
)

// What we chose: the hall in which the peers of a demo with a page move, in metres, and how
// they publish their poses.
const (
	hallWidth, hallDepth = 40.0, 30.0
	poseInterval         = 100 * time.Millisecond
	poseMagic            = 0x65736f70 // "pose"
	poseSize             = 20
	// posesRead is the maximum rate at which some peers subscribe to the poses of the others,
	// and one in poseReaders peers does.
	posesRead   = 5
	poseReaders = 10
)

// poseLayout is where the position is in a pose.
func poseLayout() *hub.Layout {
	field := func(offset int) hub.Field { return hub.Field{Offset: offset, Type: "f32le"} }
	z := field(12)
	return &hub.Layout{X: field(4), Y: field(8), Z: &z}
}

// appendPose appends the pose of a peer at a time. Each moves about a place of its own, every
// fourth flies, and one crosses the fence from time to time.
func appendPose(b []byte, peer, peers int, at time.Duration) []byte {
	columns := int(math.Ceil(math.Sqrt(float64(max(peers, 1)) * hallWidth / hallDepth)))
	rows := (max(peers, 1) + columns - 1) / columns
	random := rand.New(rand.NewPCG(uint64(peer), 1)).Float64 // the same for each pose of the peer
	t := at.Seconds()
	wander := func() float64 {
		return 0.6*math.Sin(t*(0.15+0.2*random())+7*random()) + 0.4*math.Sin(t*(0.3+0.4*random())+7*random())
	}
	cell := hallWidth / float64(columns)
	reach := max(1.6, cell*0.7)
	x := (float64(peer%columns)+0.5)*cell + reach*wander()
	y := (float64(peer/columns)+0.5)*hallDepth/float64(rows) + reach*wander()
	z := 0.0
	if peer%4 == 3 {
		z = 3 + 1.5*wander()
	}
	if peer == columns-1 {
		x = hallWidth - 1.5 + 3*math.Sin(t/7) // crosses the fence
	} else {
		x = min(max(x, 0.5), hallWidth-0.5)
	}
	y = min(max(y, 0.5), hallDepth-0.5)
	b = binary.LittleEndian.AppendUint32(b, poseMagic)
	for _, v := range []float64{x, y, z, t} {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(v)))
	}
	return b
}

// dropOutside is the first reason of the stage geofence.
const dropOutside = pipeline.DropFirst

// newHallFence returns a stage that drops poses outside of the hall, and passes everything
// else.
func newHallFence() pipeline.Stage {
	return pipeline.Func("geofence", []string{"outside"}, func(p *pipeline.Packet) pipeline.Verdict {
		b := p.Payload()
		if len(b) != poseSize || binary.LittleEndian.Uint32(b) != poseMagic {
			return pipeline.Accept
		}
		x, y := math.Float32frombits(binary.LittleEndian.Uint32(b[4:])), math.Float32frombits(binary.LittleEndian.Uint32(b[8:]))
		if !(x >= 0 && x <= hallWidth && y >= 0 && y <= hallDepth) {
			return dropOutside
		}
		return pipeline.Accept
	})
}
