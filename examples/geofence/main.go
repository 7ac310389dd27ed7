// Geofence adds a stage to the hub's inbound chain that drops and counts
// positions outside a square of 100 by 100 metres, before they reach the
// application.
package main

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/stages"
)

// side is the length of the fenced square, in metres.
const side = 100

// dropOutside is counted under "outside", the stage's first reason.
const dropOutside = pipeline.DropFirst

// newGeofence returns a stage that checks messages of two bytes, x and y.
func newGeofence() pipeline.Stage {
	return pipeline.Func("geofence", []string{"outside"}, func(p *pipeline.Packet) pipeline.Verdict {
		if position := p.Payload(); len(position) != 2 || position[0] > side || position[1] > side {
			return dropOutside
		}
		return pipeline.Accept
	})
}

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := run(ctx); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context) error {
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
		fmt.Println(m.Payload)
	}
	hub.Close() // makes the counters final
	for _, d := range hub.Stats().In.Drops {
		if d.Stage == "geofence" && d.Messages > 0 {
			fmt.Println(d.Stage, d.Reason, d.Messages)
		}
	}
	return nil
}

// send sends the positions from a robot to the hub.
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
