package replay_test

import (
	"bytes"
	"context"
	"fmt"
	"log"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/internal/journal"
	"github.com/intentra/intentra/internal/replay"
)

// Records the receiver of a message, and has it receive the message once more.
func Example() {
	ctx := context.Background()
	key := func() intentra.PrivateKey {
		k, err := intentra.GenerateKey()
		if err != nil {
			log.Fatal(err)
		}
		return k
	}
	var file, secrets bytes.Buffer // journal.Create makes files
	record := journal.NewWriter(&file, &secrets)
	receiver, err := intentra.Listen("127.0.0.1:0", intentra.Config{Key: key(), Authorize: intentra.AllowAny, Record: record})
	if err != nil {
		log.Fatal(err)
	}
	sender, err := intentra.Listen("127.0.0.1:0", intentra.Config{Key: key()})
	if err != nil {
		log.Fatal(err)
	}
	peer, err := sender.Dial(ctx, receiver.LocalAddr().String(), receiver.PublicKey())
	if err != nil {
		log.Fatal(err)
	}
	if err := peer.SendWait(ctx, intentra.Message{Intent: intentra.Reliable, Payload: []byte("turn left")}); err != nil {
		log.Fatal(err)
	}
	if _, err := receiver.Receive(ctx); err != nil {
		log.Fatal(err)
	}
	sender.Close()
	receiver.Close()
	if err := record.Close(); err != nil {
		log.Fatal(err)
	}

	keys, err := journal.ParseKeys(&secrets)
	if err != nil {
		log.Fatal(err)
	}
	capture, err := journal.NewCapture(&file)
	if err != nil {
		log.Fatal(err)
	}
	result, err := replay.Run(capture, replay.Options{
		Keys: keys,
		Views: map[string]func(replay.View){
			"ack": func(v replay.View) { fmt.Printf("%s: %s\n", v.Intent, v.Payload()) },
		},
		Difference: func(d replay.Difference) { fmt.Println(d) },
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("whole:", result.Whole, "same:", result.Same(), "delivered:", result.Delivered)
	// Output:
	// reliable: turn left
	// whole: true same: true delivered: 1
}
