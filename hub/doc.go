// Package hub relays state between names. Publishers declare topics, subscribers
// select them by path, and a hub in between forwards updates, keeps the newest value
// of each topic for those that join later, and lets no peer see or publish more than
// the access list allows.
//
//	h, err := hub.Listen(":9000", hub.Config{Transport: intentra.Config{Key: key}, Access: access})
//
//	c, err := hub.Dial(ctx, "hub:9000", hubKey, hub.ClientConfig{Transport: intentra.Config{Key: robotKey}})
//	pose, err := c.Declare(ctx, hub.Topic{Name: "pose", Encoding: "json"})
//	err = pose.Send(payload)
//
//	s, err := c.Subscribe(ctx, hub.Subscription{Pattern: "robot-*/pose", MaxRate: 10, Cached: true})
//	for u := range s.Updates(ctx) {
//		fmt.Println(u.Publisher.Name, u.Topic.Name, string(u.Payload))
//	}
//
// # Terms
//
// A publisher is an authenticated peer, known by the name that the access list gives
// to its key. A topic is a stream that it declares. The path of a topic is the name of
// its publisher, a slash, and its own name, such as "robot-7/pose". A pattern is a path
// in which "*" matches one level, or a part of one, and a final "**" any number of
// levels. An update is one message of a topic.
//
// # Guarantees
//
// Latest: a subscriber gets the newest value, and never an older one after a newer one
// of the same publisher's process. Reliable: a subscriber gets every update that the
// hub accepts from the moment its subscription is in force, once and in order, or its
// subscription ends with ErrSlow. Updates that the hub has accepted but not delivered
// are lost if the hub is killed or the subscriber's connection is lost. Realtime: an
// update arrives at once or not at all.
//
// A publisher cannot use up what others need: its topics, cached bytes, updates and
// requests are limited; see [Limits]. A subscriber that does not keep up loses its own
// updates only.
//
// The hub and the client are pure state machines over what a transport provides, so
// both run in the simulator (package sim) unchanged; see [Config].Clock. docs/HUB.md
// describes the protocol between them, in enough detail to write a client.
package hub
