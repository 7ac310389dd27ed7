package hub

import (
	"fmt"
	"maps"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
)

// raw sends a message to the hub as a client of another make would.
func (p *peer) raw(channel uint32, intent intentra.Intent, payload string) {
	hub, _ := p.node.Peer(keyOf("hub").Public())
	hub.Send(intentra.Message{Channel: channel, Intent: intent, Payload: []byte(payload)})
}

// deliver hands the client a message as if it had come from the hub.
func (p *peer) deliver(channel uint32, intent intentra.Intent, payload string) {
	p.receive(&intentra.Received{Peer: p.Peer(), Message: intentra.Message{Channel: channel, Intent: intent, Payload: []byte(payload)}})
}

// A change of sessions may repeat a control message: a repetition changes nothing.
func TestRepeatedRequests(t *testing.T) {
	w := newWorld(t, fleetAccess())
	one := w.join("robot-1")
	for _, m := range []string{
		`{"type":"declare","seq":10,"channel":1,"topic":"a"}`,
		`{"type":"retract","seq":11,"channel":1}`,
		`{"type":"declare","seq":12,"channel":1,"topic":"b"}`,
		`{"type":"retract","seq":11,"channel":1}`,
	} {
		one.raw(ControlChannel, intentra.Reliable, m)
		w.pass(second)
	}
	topics := w.hub.Topics()
	require.Len(t, topics, 1)
	require.Equal(t, "robot-1/b", topics[0].Path)
	w.consistent()
}

func TestRepeatedAnnouncements(t *testing.T) {
	w := newWorld(t, fleetAccess())
	viewer := w.join("viewer")
	s := viewer.subscribe(Subscription{Pattern: "**"})
	announce := `{"type":"announce","seq":101,"channel":5,"topic":"a","publisher":{"name":"robot-1","key":"` + keyOf("robot-1").Public().String() + `"}}`
	for _, m := range []string{announce, `{"type":"retract","seq":102,"channel":5}`} {
		viewer.deliver(ControlChannel, intentra.Reliable, m)
	}
	viewer.deliver(ControlChannel, intentra.Reliable, announce)
	viewer.deliver(5, intentra.Latest, "x")
	require.Empty(t, s.read())
	require.EqualValues(t, 1, viewer.Stats().Unknown)
}

// A value from the cache that an update has overtaken is not delivered after it.
func TestCachedValueIsOvertaken(t *testing.T) {
	w := newWorld(t, fleetAccess())
	one, viewer := w.join("robot-1"), w.join("viewer")
	s := viewer.subscribe(Subscription{Pattern: "**"})
	one.declare(Topic{Name: "pose"})
	w.pass(second)
	var number uint32
	for n := range viewer.remotes.all() {
		number = n
	}
	viewer.deliver(number, intentra.Latest, "new")
	viewer.deliver(number+cachedOffset, intentra.Reliable, "old")
	require.Equal(t, []string{"robot-1/pose new"}, s.read())
}

// The numbers of one connection mean nothing in the next: the hub may have restarted.
func TestNumbersEndWithTheConnection(t *testing.T) {
	w := newWorld(t, fleetAccess())
	one, viewer := w.join("robot-1"), w.join("viewer")
	s := viewer.subscribe(Subscription{Pattern: "**"})
	one.declare(Topic{Name: "pose"})
	w.pass(second)
	require.Len(t, maps.Collect(viewer.remotes.all()), 1)
	viewer.peerEvent(intentra.PeerEvent{Peer: viewer.Peer(), Kind: intentra.PeerRestarted})
	for n := range uint32(100) {
		viewer.deliver(1+n, intentra.Latest, "of another topic")
	}
	require.Empty(t, s.read())
}

// A Reliable update that comes before the client's hello is published once its topic is
// declared.
func TestUpdateBeforeHello(t *testing.T) {
	w := newWorld(t, fleetAccess())
	one, viewer := w.join("robot-1"), w.join("viewer")
	s := viewer.subscribe(Subscription{Pattern: "**"})
	one.raw(ControlChannel, intentra.Reliable, `{"type":"declare","seq":10,"channel":1,"topic":"a","intent":"reliable"}`)
	w.pass(second)
	for _, m := range []string{`{"type":"hello","seq":20}`, `{"type":"declare","seq":21,"channel":2,"topic":"a","intent":"reliable"}`} {
		one.raw(2, intentra.Reliable, "early "+m[9:14])
		w.pass(second)
		one.raw(ControlChannel, intentra.Reliable, m)
		w.pass(second)
	}
	require.Equal(t, []string{"robot-1/a early hello", "robot-1/a early decla"}, s.read())
}

// Requests of an earlier session, from before hello, have no effect.
func TestRequestsBeforeHello(t *testing.T) {
	w := newWorld(t, fleetAccess())
	one := w.join("robot-2")
	w.hub.core.publishers[one.node.Key()].member.greeted = false
	one.raw(ControlChannel, intentra.Reliable, `{"type":"declare","seq":10,"channel":1,"topic":"a"}`)
	w.pass(second)
	require.Empty(t, w.hub.Topics())
}

// The list of topics comes in parts, and has only what its reader may subscribe to.
func TestList(t *testing.T) {
	w := newWorld(t, line("robot-1", "")+line("viewer", "subscribe=robot-1/t1*"))
	one, viewer := w.join("robot-1"), w.join("viewer")
	for i := range 60 {
		one.declare(Topic{Name: "t" + string(rune('0'+i/10)) + string(rune('0'+i%10)), Encoding: "json"})
	}
	list := func(p *peer) []TopicInfo {
		l := &listRequest{c: p.Client, pattern: "**", done: make(chan struct{})}
		p.mu.Lock()
		p.listing = l
		l.request()
		p.mu.Unlock()
		w.until(func() bool { return closed(l.done) })
		require.NoError(t, l.err)
		return l.topics
	}
	all := list(one)
	require.Len(t, all, 60)
	require.Equal(t, TopicInfo{Path: "robot-1/t00", Intent: intentra.Latest, Encoding: "json", Live: true}, all[0])
	require.Equal(t, "robot-1/t59", all[59].Path)
	require.Len(t, list(viewer), 10)
}

// A peer that gets another name keeps its connection, and its topics get new paths.
func TestRename(t *testing.T) {
	w := newWorld(t, fleetAccess())
	one, viewer := w.join("robot-1"), w.join("viewer")
	s := viewer.subscribe(Subscription{Pattern: "**"})
	pose := one.declare(Topic{Name: "pose"})
	w.pass(second)
	require.NoError(t, pose.Send([]byte("1")))
	w.pass(second)
	list := line("robot-1", "") + line("robot-2", "") + line("viewer", "")
	w.hub.SetAccess(w.parse(keyOf("robot-1").Public().String() + " scout\n" + list[len(line("robot-1", "")):]))
	w.pass(second)
	require.NoError(t, pose.Send([]byte("2")))
	w.pass(second)
	require.Equal(t, []string{"robot-1/pose 1", "scout/pose 2"}, s.read())
	require.Equal(t, "scout", one.Name())
	require.True(t, one.node.Connected(keyOf("hub").Public()))
	w.consistent()
}

// A callback of the client that panics leaves it usable.
func TestPanicInCallback(t *testing.T) {
	w := newWorld(t, fleetAccess())
	viewer := w.join("viewer")
	viewer.cfg.OnPresence = func(Publisher) { panic("presence") }
	viewer.cfg.OnHubs = func([]Address, bool) { panic("hubs") }
	for i, kind := range []string{"peers", "hubs"} {
		m := fmt.Sprintf(`{"type":%q,"seq":%d,"peers":[{"name":"robot-1","key":%q}]}`, kind, 100+i, keyOf("robot-1").Public())
		require.PanicsWithValue(t, map[string]string{"peers": "presence", "hubs": "hubs"}[kind], func() {
			viewer.deliver(ControlChannel, intentra.Reliable, m)
		})
		require.Zero(t, viewer.Stats().Malformed)
	}
}

// A panic in Filter withholds the update and nothing else.
func TestFilter(t *testing.T) {
	w := newWorld(t, fleetAccess(), func(c *Config) {
		c.Filter = func(subscriber string, u Update) bool {
			if string(u.Payload) == "panic" {
				panic("filter")
			}
			return subscriber == "viewer" && string(u.Payload) != "secret"
		}
	})
	one, two, viewer := w.join("robot-1"), w.join("robot-2"), w.join("viewer")
	s, other := viewer.subscribe(Subscription{Pattern: "**"}), two.subscribe(Subscription{Pattern: "**"})
	log := one.declare(Topic{Name: "log", Intent: intentra.Reliable})
	w.pass(second)
	for _, text := range []string{"one", "secret", "panic", "two"} {
		require.NoError(t, log.Send([]byte(text)))
	}
	w.pass(second)
	require.Equal(t, []string{"robot-1/log one", "robot-1/log two"}, s.read())
	require.Empty(t, other.read())
	require.EqualValues(t, 2, w.hub.Stats().Panics)
}

// Messages of a hub that the client has left change nothing. Updates are counted.
func TestMessagesOfAnotherHub(t *testing.T) {
	w := newWorld(t, fleetAccess())
	viewer, other := w.join("viewer"), w.join("robot-1")
	s := viewer.subscribe(Subscription{Pattern: "**"})
	for channel, payload := range []string{`{"type":"welcome","seq":1000,"name":"other"}`, "update"} {
		viewer.receive(&intentra.Received{Peer: other.Peer(), Message: intentra.Message{
			Channel: uint32(channel), Intent: intentra.Reliable, Payload: []byte(payload),
		}})
	}
	require.Empty(t, s.read())
	require.Equal(t, "viewer", viewer.Name())
	require.Equal(t, ClientStats{Received: 1, OtherHub: 1}, viewer.Stats())
}

// Messages before welcome are left over from an earlier session, and change nothing.
func TestLeftOverBeforeWelcome(t *testing.T) {
	w := newWorld(t, fleetAccess())
	viewer := w.join("viewer")
	s := viewer.subscribe(Subscription{Pattern: "**"})
	viewer.peerEvent(intentra.PeerEvent{Peer: viewer.Peer(), Kind: intentra.PeerRestarted})
	announce := `{"type":"announce","seq":%d,"channel":5,"topic":"a","publisher":{"name":"robot-1","key":"` + keyOf("robot-1").Public().String() + `"}}`
	viewer.deliver(ControlChannel, intentra.Reliable, fmt.Sprintf(announce, 7))
	viewer.deliver(5, intentra.Latest, "left over")
	viewer.deliver(ControlChannel, intentra.Reliable, `{"type":"welcome","seq":8,"version":1,"name":"viewer"}`)
	viewer.deliver(ControlChannel, intentra.Reliable, fmt.Sprintf(announce, 9))
	viewer.deliver(5, intentra.Latest, "new")
	require.Equal(t, []string{"robot-1/a new"}, s.read())
}

// A list that is asked for before the transport has reported the connection waits for it,
// and one that is asked for while connected ends with the connection.
func TestTopicsBeforeTheConnection(t *testing.T) {
	w := newWorld(t, line("a", ""))
	p := w.add("a")
	ask := func() *listRequest {
		l := &listRequest{c: p.Client, pattern: "**", done: make(chan struct{})}
		p.mu.Lock()
		p.listing = l
		p.mu.Unlock()
		return l
	}
	l := ask()
	p.dial()
	w.until(func() bool { return closed(l.done) })
	require.NoError(t, l.err)
	l = ask()
	require.NoError(t, w.hubNode.Restart())
	w.until(func() bool { return closed(l.done) })
	require.ErrorIs(t, l.err, ErrNotConnected)
}
