// Hello sends one message from a robot to a hub, over the default chain.
package main

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/intentra/intentra"
)

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := run(ctx); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context) error {
	hubKey, err := intentra.GenerateKey()
	if err != nil {
		return err
	}
	robotKey, err := intentra.GenerateKey()
	if err != nil {
		return err
	}

	allow := func(_ context.Context, h intentra.Handshake) bool { return h.Key == robotKey.Public() }
	hub, err := intentra.Listen("127.0.0.1:0", intentra.Config{Key: hubKey, Authorize: allow})
	if err != nil {
		return err
	}
	defer hub.Close()

	robot, err := intentra.Dial(ctx, hub.LocalAddr().String(), hubKey.Public(), intentra.Config{Key: robotKey})
	if err != nil {
		return err
	}
	defer robot.Close()

	r := robot.Send(intentra.Message{Channel: 1, Intent: intentra.Latest, Payload: []byte("x=10 y=20")})
	if r.Err != nil {
		return r.Err
	}
	m, err := hub.Receive(ctx)
	if err != nil {
		return err
	}
	fmt.Println(m.Channel, m.Intent, string(m.Payload))
	return nil
}
