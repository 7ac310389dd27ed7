package intentra_test

import (
	"context"
	"fmt"
	"strings"

	"github.com/intentra/intentra"
)

// open opens a transport for an example: on loopback, with a new key, allowing
// every peer.
func open() *intentra.Transport {
	key, err := intentra.GenerateKey()
	if err != nil {
		panic(err)
	}
	t, err := intentra.Listen("127.0.0.1:0", intentra.Config{Key: key, Authorize: intentra.AllowAny})
	if err != nil {
		panic(err)
	}
	return t
}

// One transport can dial several peers.
func ExampleTransport_Dial() {
	hub, robot := open(), open()
	defer hub.Close()
	defer robot.Close()
	ctx := context.Background()
	p, err := robot.Dial(ctx, hub.LocalAddr().String(), hub.PublicKey())
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(p.Connected(), p.Key() == hub.PublicKey())
	// Output: true true
}

// A hub sends one message to all connected peers.
func ExampleTransport_Broadcast() {
	hub, a, b := open(), open(), open()
	defer hub.Close()
	defer a.Close()
	defer b.Close()
	ctx := context.Background()
	for _, robot := range []*intentra.Transport{a, b} {
		if _, err := hub.Dial(ctx, robot.LocalAddr().String(), robot.PublicKey()); err != nil {
			fmt.Println(err)
			return
		}
	}
	r := hub.Broadcast(intentra.Message{Intent: intentra.Reliable, Payload: []byte("stop")})
	fmt.Println(r.Queued, r.Replaced, r.Dropped)
	for _, robot := range []*intentra.Transport{a, b} {
		m, err := robot.Receive(ctx)
		fmt.Println(string(m.Payload), err)
	}
	// Output:
	// 2 0 0
	// stop <nil>
	// stop <nil>
}

// SendWait waits while the send queue is full, which here holds eight messages.
func ExamplePeer_SendWait() {
	hub := open()
	defer hub.Close()
	key, err := intentra.GenerateKey()
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	p, err := intentra.Dial(ctx, hub.LocalAddr().String(), hub.PublicKey(), intentra.Config{Key: key, ReliableQueueMessages: 8})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer p.Close()
	for i := range 100 {
		m := intentra.Message{Channel: 1, Intent: intentra.Reliable, Payload: fmt.Append(nil, i)}
		if err := p.SendWait(ctx, m); err != nil {
			fmt.Println(err)
			return
		}
	}
	var last intentra.Received
	for range 100 {
		if last, err = hub.Receive(ctx); err != nil {
			fmt.Println(err)
			return
		}
	}
	fmt.Println(string(last.Payload))
	// Output: 99
}

// An allow list has a key and an optional name in each line. Its method Allows is for
// Config.Authorize.
func ExampleParseAllowList() {
	list, err := intentra.ParseAllowList(strings.NewReader(`
# key                                         name
3p7bfXt9wbTTW2HC7OQ1Nz+DQ8hbeGdNrfx+FG+IK08=  the hub
hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=
`))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, key := range list.Keys() {
		fmt.Printf("%v %q %v\n", key, list.Name(key), list.Allows(key))
	}
	// Output:
	// hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo= "" true
	// 3p7bfXt9wbTTW2HC7OQ1Nz+DQ8hbeGdNrfx+FG+IK08= "the hub" true
}
