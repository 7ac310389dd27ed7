package hub_test

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/hub"
)

// A robot publishes its pose through a hub, and a viewer that joins later starts with
// the newest one.
func Example() {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	key, robotKey, viewerKey := newKey(), newKey(), newKey()
	access, _ := hub.ParseAccess(strings.NewReader(
		robotKey.Public().String() + " robot-7\n" +
			viewerKey.Public().String() + " viewer publish=\n"))

	h, err := hub.Listen("127.0.0.1:0", hub.Config{Transport: intentra.Config{Key: key}, Access: access})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer h.Close()
	addr := h.Transport().LocalAddr().String()

	robot, err := hub.Dial(ctx, addr, key.Public(), hub.ClientConfig{Transport: intentra.Config{Key: robotKey}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer robot.Close()
	pose, err := robot.Declare(ctx, hub.Topic{Name: "pose", Encoding: "json"})
	if err != nil {
		fmt.Println(err)
		return
	}
	_ = pose.Send([]byte(`{"x":1,"y":2}`))

	viewer, err := hub.Dial(ctx, addr, key.Public(), hub.ClientConfig{Transport: intentra.Config{Key: viewerKey}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer viewer.Close()
	s, err := viewer.Subscribe(ctx, hub.Subscription{Pattern: "robot-*/pose", MaxRate: 10, Cached: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	for u := range s.Updates(ctx) {
		fmt.Println(u.Publisher.Name, u.Topic.Name, string(u.Payload))
		break
	}
	// Output: robot-7 pose {"x":1,"y":2}
}

func newKey() intentra.PrivateKey {
	k, err := intentra.GenerateKey()
	if err != nil {
		panic(err)
	}
	return k
}
