package recording_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/recording"
)

// Records the receiver of a message, and prints the verdicts of the packets that
// delivered one.
func Example() {
	ctx := context.Background()
	var file, keys bytes.Buffer // Create creates files instead
	record := recording.NewWriter(&file, &keys)
	receiver, err := intentra.Listen("127.0.0.1:0", intentra.Config{Key: newKey(), Authorize: intentra.AllowAny, Record: record})
	if err != nil {
		log.Fatal(err)
	}
	sender, err := intentra.Listen("127.0.0.1:0", intentra.Config{Key: newKey()})
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

	capture, err := recording.NewReader(&file) // Open opens a file
	if err != nil {
		log.Fatal(err)
	}
	for {
		p, err := capture.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			log.Fatal(err)
		}
		if p.Verdict == "accept, 1 delivered" {
			fmt.Println("from the sender:", p.From == sender.LocalAddr(), "verdict:", p.Verdict)
		}
	}
	// Output: from the sender: true verdict: accept, 1 delivered
}

func newKey() intentra.PrivateKey {
	k, err := intentra.GenerateKey()
	if err != nil {
		log.Fatal(err)
	}
	return k
}
