// Compress adds a pair of stages to the chains of a hub and a robot. The robot's
// messages are compressed before they are packed and sealed, and expanded after
// the hub has authenticated and acknowledged them. More of the shorter messages
// fit into a packet.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/stages"
)

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := run(ctx); err != nil {
		log.Fatal(err)
	}
}

// compressing returns a Config.Stages that inserts d and its counterpart. Both
// sides need it.
func compressing(d *deflate) func(*stages.Set) error {
	return func(s *stages.Set) error {
		s.Outbound.InsertBefore("pack", d)
		s.InsertAfter("ack", newInflate())
		return nil
	}
}

// messages is the number of messages that the robot sends.
const messages = 100

func run(ctx context.Context) error {
	hubKey, err := intentra.GenerateKey()
	if err != nil {
		return err
	}
	robotKey, err := intentra.GenerateKey()
	if err != nil {
		return err
	}
	hub, err := intentra.Listen("127.0.0.1:0", intentra.Config{
		Key: hubKey, Authorize: intentra.AllowAny, Stages: compressing(newDeflate()),
	})
	if err != nil {
		return err
	}
	defer hub.Close()
	d := newDeflate()
	robot, err := intentra.Dial(ctx, hub.LocalAddr().String(), hubKey.Public(), intentra.Config{
		Key: robotKey, Stages: compressing(d),
	})
	if err != nil {
		return err
	}
	defer robot.Close()

	for i := range messages {
		m := intentra.Message{Intent: intentra.Reliable, Payload: state(i)}
		if err := robot.SendWait(ctx, m); err != nil {
			return err
		}
		r, err := hub.Receive(ctx)
		if err != nil {
			return err
		}
		if !bytes.Equal(r.Payload, m.Payload) {
			return errors.New("the message changed in transit")
		}
	}
	// The event loop uses the stage until Shutdown has returned.
	if err := robot.Transport().Shutdown(ctx); err != nil {
		return err
	}
	fmt.Println(messages, "messages arrived unchanged; compressed to less than half:", d.written < d.read/2)
	return nil
}

// state returns a robot's state as text.
func state(i int) []byte {
	b := []byte(`{"robot":"arm-7"`)
	for joint := range 12 {
		b = fmt.Appendf(b, `,"joint-%02d":{"angle":%d,"torque":0}`, joint, i)
	}
	return append(b, "}"...)
}
