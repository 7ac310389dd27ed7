// Geofence puts a stage of its own into the hub's chain: positions outside 100
// by 100 metres are dropped before they reach the application, and counted.
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/stages"
)

// side is the length of the fenced square, in metres.
const side = 100

// dropOutside counts as "outside", the first reason that the stage names.
const dropOutside = pipeline.DropFirst

// newGeofence returns a stage that sees one message at a time: a byte for x and
// a byte for y.
func newGeofence() pipeline.Stage {
	return pipeline.Func("geofence", []string{"outside"}, func(p *pipeline.Packet) pipeline.Verdict {
		if position := p.Payload(); len(position) != 2 || position[0] > side || position[1] > side {
			return dropOutside
		}
		return pipeline.Accept
	})
}

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, out io.Writer) error {
	key, err := intentra.GenerateKey()
	if err != nil {
		return err
	}
	hub, err := intentra.Listen("127.0.0.1:0", intentra.Config{
		Key:       key,
		Authorize: intentra.AllowAny,
		Stages:    func(s *stages.Set) error { s.InsertAfter("ack", newGeofence()); return nil },
	})
	if err != nil {
		return err
	}
	defer hub.Close()
	if err := send(ctx, hub, [][]byte{{10, 20}, {200, 20}, {30, 40}}); err != nil {
		return err
	}
	for range 2 {
		m, err := hub.Receive(ctx)
		if err != nil {
			return err
		}
		fmt.Fprintln(out, m.Payload)
	}
	hub.Close() // the counters are final
	for _, d := range hub.Stats().In.Drops {
		if d.Stage == "geofence" && d.Messages > 0 {
			fmt.Fprintln(out, d.Stage, d.Reason, d.Messages)
		}
	}
	return nil
}

// send is a robot that tells the hub where it is.
func send(ctx context.Context, hub *intentra.Transport, positions [][]byte) error {
	key, err := intentra.GenerateKey()
	if err != nil {
		return err
	}
	robot, err := intentra.Dial(ctx, hub.LocalAddr().String(), hub.PublicKey(), intentra.Config{Key: key})
	if err != nil {
		return err
	}
	for _, position := range positions {
		if err := robot.SendWait(ctx, intentra.Message{Intent: intentra.Reliable, Payload: position}); err != nil {
			return err
		}
	}
	return robot.Transport().Shutdown(ctx)
}
