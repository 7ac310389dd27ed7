// Compress puts a pair of stages into the chains of a hub and a robot: what the
// robot sends is compressed before it is packed and sealed, and expanded behind
// the hub's ACK authentication. Shorter messages share packets.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/stages"
)

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		log.Fatal(err)
	}
}

// compressing returns the change to the chains that inserts d and its
// counterpart. Both sides need them.
func compressing(d *deflate) func(*stages.Set) error {
	return func(s *stages.Set) error {
		s.Outbound.InsertBefore("pack", d)
		s.InsertAfter("ack", newInflate())
		return nil
	}
}

// messages is how many the robot sends.
const messages = 100

func run(ctx context.Context, out io.Writer) error {
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
			return errors.New("the message has changed on its way")
		}
	}
	// The stage belongs to the event loop until that has ended.
	if err := robot.Transport().Shutdown(ctx); err != nil {
		return err
	}
	fmt.Fprintln(out, messages, "messages came as they were sent; to less than half by deflate:", d.written < d.read/2)
	return nil
}

// state is a robot's state as text.
func state(i int) []byte {
	b := []byte(`{"robot":"arm-7"`)
	for joint := range 12 {
		b = fmt.Appendf(b, `,"joint-%02d":{"angle":%d,"torque":0}`, joint, i)
	}
	return append(b, "}"...)
}
