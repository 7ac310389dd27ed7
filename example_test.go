package intentra_test

import (
	"context"
	"fmt"
	"log"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/stages"
)

// A hub and a robot, with the default chain.
func Example() {
	ctx := context.Background()
	hubKey, _ := intentra.GenerateKey()
	robotKey, _ := intentra.GenerateKey()

	allow := func(_ context.Context, h intentra.Handshake) bool { return h.Key == robotKey.Public() }
	hub, err := intentra.Listen("127.0.0.1:0", intentra.Config{Key: hubKey, Authorize: allow})
	if err != nil {
		log.Fatal(err)
	}
	defer hub.Close()

	robot, err := intentra.Dial(ctx, hub.LocalAddr().String(), hubKey.Public(), intentra.Config{Key: robotKey})
	if err != nil {
		log.Fatal(err)
	}
	defer robot.Close()

	robot.Send(intentra.Message{Channel: 1, Intent: intentra.Latest, Payload: []byte("x=10 y=20")})
	m, err := hub.Receive(ctx)
	fmt.Println(m.Channel, m.Intent, string(m.Payload), err)
	// Output: 1 latest x=10 y=20 <nil>
}

// A station sends its map to each robot that has started, however often that is.
func Example_peers() {
	ctx := context.Background()
	stationKey, _ := intentra.GenerateKey()
	robotKey, _ := intentra.GenerateKey()

	station, err := intentra.Listen("127.0.0.1:0", intentra.Config{
		Key:       stationKey,
		Authorize: intentra.AllowAny,
		OnPeer: func(e intentra.PeerEvent) {
			if e.Fresh() {
				e.Peer.Send(intentra.Message{Intent: intentra.Reliable, Payload: []byte("the map")})
			}
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer station.Close()

	for range 2 {
		robot, err := intentra.Dial(ctx, station.LocalAddr().String(), stationKey.Public(), intentra.Config{Key: robotKey})
		if err != nil {
			log.Fatal(err)
		}
		m, err := robot.Receive(ctx)
		fmt.Println(string(m.Payload), err)
		robot.Close()
	}
	// Output:
	// the map <nil>
	// the map <nil>
}

// A hub with a stage of its own, which drops positions outside 100 by 100 metres
// before they reach the application. The drops are counted.
func Example_stage() {
	ctx := context.Background()
	geofence := pipeline.Func("geofence", []string{"outside"}, func(p *pipeline.Packet) pipeline.Verdict {
		if position := p.Payload(); len(position) != 2 || position[0] > 100 || position[1] > 100 {
			return pipeline.DropFirst // "outside"
		}
		return pipeline.Accept
	})

	key, _ := intentra.GenerateKey()
	hub, err := intentra.Listen("127.0.0.1:0", intentra.Config{
		Key:       key,
		Authorize: intentra.AllowAny,
		Stages:    func(s *stages.Set) error { s.InsertAfter("ack", geofence); return nil },
	})
	if err != nil {
		log.Fatal(err)
	}
	robotKey, _ := intentra.GenerateKey()
	robot, err := intentra.Dial(ctx, hub.LocalAddr().String(), key.Public(), intentra.Config{Key: robotKey})
	if err != nil {
		log.Fatal(err)
	}
	for _, position := range [][]byte{{10, 20}, {200, 20}, {30, 40}} {
		robot.Send(intentra.Message{Intent: intentra.Reliable, Payload: position})
	}
	for range 2 {
		m, err := hub.Receive(ctx)
		fmt.Println(m.Payload, err)
	}
	robot.Close()
	hub.Close()
	for _, d := range hub.Stats().In.Drops {
		if d.Stage == "geofence" && d.Messages > 0 {
			fmt.Println(d.Stage, d.Reason, d.Messages)
		}
	}
	// Output:
	// [10 20] <nil>
	// [30 40] <nil>
	// geofence outside 1
}
