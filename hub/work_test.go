package hub

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
)

// A request counts as one more for each topicsPerRequest topics that the hub looks at, so that a
// client cannot keep a hub with many topics busy.
func TestRequestsCostTheirWork(t *testing.T) {
	const topics = 2*topicsPerRequest + 1
	w := newWorld(t, robotsAccess(1), func(c *Config) { c.Limits = Limits{TopicsPerPublisher: topics} })
	one, viewer := w.join("robot-0"), w.join("viewer")
	owner := w.hub.core.publishers[one.node.Key()]
	for i := range topics {
		require.NotNil(t, w.hub.core.create(owner, Topic{Name: fmt.Sprint("t", i)}, w.Elapsed()))
	}
	m := w.hub.core.publishers[viewer.node.Key()].member
	seq, id := uint64(1<<40), uint32(1)
	cost := func(msg message) int {
		now := w.Elapsed()
		m.requests = newBudget(50, 1000)
		seq++
		msg.Seq = seq
		w.hub.core.control(m, intentra.Message{Intent: intentra.Reliable, Payload: msg.encode()}, now)
		m = w.hub.core.publishers[viewer.node.Key()].member // another one after its hello
		return 1000 - int(m.requests.TokensAt(time.Unix(0, int64(now))))
	}
	require.Equal(t, 1, cost(message{Type: typeSubscribe, ID: &id, Pattern: "robot-1/*"}))
	require.Equal(t, 5, cost(message{Type: typeSubscribe, ID: &id, Pattern: "**"}), "for the new pattern and for the old feeds")
	require.Len(t, m.feeds, topics)
	require.Equal(t, 3, cost(message{Type: typeSubscribe, ID: &id, Pattern: "**", MaxRate: 1}))
	require.Equal(t, 3, cost(message{Type: typeList, Pattern: "robot-1/*"}))
	require.Equal(t, 3, cost(message{Type: typeUnsubscribe, ID: &id}))
	require.Equal(t, 3, cost(message{Type: typeSubscribe, ID: &id, Pattern: "**"}))
	require.Equal(t, 3, cost(message{Type: typeHello}))
	require.Empty(t, m.feeds)
}

// The declaration of a new topic counts as one more request for each subscriptionsPerRequest
// subscriptions that the hub compares with it, so that a client that declares and retracts topics in a loop
// cannot keep a hub with many subscriptions busy.
func TestDeclarationsCostTheirWork(t *testing.T) {
	const subscriptions = 2*subscriptionsPerRequest + 1
	w := newWorld(t, robotsAccess(1), func(c *Config) { c.Limits.Subscriptions = subscriptions })
	one, viewer := w.join("robot-0"), w.join("viewer")
	reader := w.hub.core.publishers[viewer.node.Key()].member
	pattern, err := ParsePattern("nobody/*")
	require.NoError(t, err)
	for i := range subscriptions {
		reader.subscriptions = append(reader.subscriptions, &subscription{id: uint32(i), pattern: pattern})
		w.hub.core.stats.Subscriptions++
	}
	m := w.hub.core.publishers[one.node.Key()].member
	seq, channel := uint64(1<<40), uint32(1)
	cost := func(msg message) int {
		now := w.Elapsed()
		m.requests = newBudget(50, 1000)
		seq++
		msg.Seq, msg.Channel = seq, &channel
		w.hub.core.control(m, intentra.Message{Intent: intentra.Reliable, Payload: msg.encode()}, now)
		return 1000 - int(m.requests.TokensAt(time.Unix(0, int64(now))))
	}
	for range 2 {
		require.Equal(t, 3, cost(message{Type: typeDeclare, Topic: "pose"}))
		require.Equal(t, 1, cost(message{Type: typeDeclare, Topic: "pose"}), "it is declared already")
		require.Equal(t, 3, cost(message{Type: typeDeclare, Topic: "pose", Encoding: "json"}), "it replaces the one before")
		require.Equal(t, 1, cost(message{Type: typeRetract}))
	}
}

// The position in a cached value is read once, however often subscribers move their areas.
func TestPositionOfCachedValueIsReadOnce(t *testing.T) {
	w, one, s := limited(t, Limits{})
	near := &peer{Client: s.c, w: w}
	pub := one.declare(Topic{Name: "pose", Layout: &Layout{X: Field{Pointer: "/x"}, Y: Field{Pointer: "/y"}}})
	w.pass(second)
	require.NoError(t, pub.Send([]byte(`{"x":1,"y":1}`)))
	w.pass(second)
	topic := w.hub.core.topics.byPath["robot-0/pose"]
	area := near.subscribe(Subscription{Pattern: "**", Area: Box(0, 0, 2, 2)})
	require.NoError(t, area.Move(Box(0, 0, 2, 3)))
	w.pass(second)
	copy(topic.value, `{"x":9`) // which the hub does not notice
	for range 2 {
		require.NoError(t, area.Move(Box(5, 0, 10, 2)))
		w.pass(second)
		require.NoError(t, area.Move(Box(0, 0, 3, 3)))
		w.pass(second)
	}
	pos, ok := topic.valuePosition()
	require.True(t, ok)
	require.Equal(t, 1.0, pos.x)
	require.NoError(t, pub.Send([]byte(`{"x":7,"y":1}`)))
	w.pass(second)
	pos, _ = topic.valuePosition()
	require.Equal(t, 7.0, pos.x)
}
