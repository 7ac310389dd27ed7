package hub

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/sim"
)

// FuzzHub is several peers that hold keys and send a hub any control messages and updates in
// any order, lose their connection and restart, while the access list changes. The hub
// does not panic, keeps its tables within their limits and consistent, sends well-formed control
// messages, numbered, and no update
//
//   - on a number that its subscriber has not confirmed,
//   - of another publisher or topic than the one that was announced, or of the subscriber
//     itself,
//   - to a peer that no access list since the update was sent has allowed to read it.
//
// Afterwards it still serves peers that keep to the protocol.
func FuzzHub(f *testing.F) {
	// The low bits of the byte after an event are a channel (from 1), an intent and a name.
	const join, declare, one, two, data, reload, restart, pass = 0, 1, 16, 32, 11, 13, 14, 15
	const latest, reliable, t1, layout = 1 << 2, 2 << 2, 1 << 4, 1 << 6
	f.Add([]byte{ // all publish and subscribe, and the second one loses its rights, the third its key
		join, 0, one + join, 0, two + join, 0, pass, 20,
		data, 0, one + data, 0, two + data, 0, pass, 20,
		reload, 2 << 2, pass, 20, data, 0, one + data, 0, two + data, 0, pass, 20,
		reload, 3 << 4, pass, 20, data, 0, one + data, 0, pass, 20, reload, 0x80, pass, 20, data, 0, pass, 20,
	})
	f.Add([]byte{ // topics of three intents, a client that does not confirm, a retraction
		two + 7, 0, two + join, 3, declare, 1 + latest + t1, declare, 2 + reliable, pass, 10,
		data, 1 + latest, data, 2 + reliable, two + 5, 1, pass, 10, data, 1 + latest, data, 2 + reliable, pass, 10,
		2, 1, declare, 1 + t1, pass, 10, data, 1, pass, 1,
		two + 5, 2, two + 6, 1, pass, 10, two + restart, 0, pass, 10, data, 1, pass, 100, restart, 1, pass, 255, restart, 2, pass, 255,
	})
	f.Add([]byte{ // more subscriptions than a client may have, areas, rates, cached values, and lists
		3, 0, 3, 1, 3, 2, pass, 20,
		declare, layout + latest, data, latest, one + 3, 3<<5 + 1, one + 3, 2 << 5, two + 3, 1 << 5, pass, 20,
		data, latest, data, latest, data, 0, pass, 20, one + 4, 1, two + 8, 0, two + 9, 0, two + 10, 0, pass, 50, 12, 3, '{', '}', 0, pass, 50,
	})
	f.Add([]byte("the quick brown fox jumps over the lazy dog, declares it, and subscribes to **"))
	f.Fuzz(func(t *testing.T, ops []byte) {
		r := newFuzzRun(t)
		for len(ops) >= 2 && r.steps < 200 {
			ops = r.step(ops[0], ops[1], ops[2:])
		}
		r.finish()
	})
}

const fuzzClients = 3

// fuzzRun is a hub, the clients of a fuzz target and two clients that keep to the protocol.
type fuzzRun struct {
	*world
	clients []*fuzzClient
	lists   []fuzzList // that have been in force
	steps   int
}

// fuzzClient is a client that sends what it is asked to.
type fuzzClient struct {
	r    *fuzzRun
	name string
	node *sim.Node
	seq  uint64
	mute bool // it does not confirm announcements and retractions by itself

	topics map[uint32][]string // that it has ever declared on a channel
	// Of the connection.
	heard     uint64 // the latest control message
	welcomed  bool
	announced map[uint32]*message
	confirmed map[uint32]bool
}

func newFuzzRun(t *testing.T) *fuzzRun {
	r := &fuzzRun{}
	r.world = newWorld(t, fuzzList(0).String(), func(c *Config) {
		c.Limits = Limits{
			TopicsPerPublisher: 2, Subscriptions: 2, CachedBytes: 64, CachedBytesPerPublisher: 32, Remember: 2 * time.Second,
			Updates: 100, Requests: 20, RequestBurst: 40,
		}
	})
	r.lists = append(r.lists, 0)
	for i := range fuzzClients {
		c := &fuzzClient{r: r, name: fuzzName(i), topics: map[uint32][]string{}}
		var cfg intentra.Config
		cfg.Key = keyOf(c.name)
		cfg.Handler, cfg.OnPeer = c.receive, func(intentra.PeerEvent) { c.begin() }
		c.begin()
		var err error
		c.node, err = r.Program(c.name, netip.AddrPort{}, func() intentra.Config { return cfg })
		require.NoError(t, err)
		require.NoError(t, c.node.Dial(keyOf("hub").Public()))
		r.clients = append(r.clients, c)
	}
	r.pass(100 * time.Millisecond)
	for _, c := range r.clients {
		c.control(`{"type":"hello"`)
	}
	r.pass(20 * time.Millisecond)
	return r
}

func fuzzName(i int) string { return fmt.Sprint("client-", i) }

// fuzzList is an access list: two bits for each client, and one that renames the first.
type fuzzList byte

func (l fuzzList) name(i int) string {
	if i == 0 && l&0x80 != 0 {
		return "renamed"
	}
	return fuzzName(i)
}

func (l fuzzList) rights(i int) fuzzList { return l >> (2 * i) & 3 }

// String returns the text of the list.
func (l fuzzList) String() string {
	list := line("robot-1", "") + line("viewer", "")
	for i := range fuzzClients {
		who := keyOf(fuzzName(i)).Public().String() + " " + l.name(i)
		switch l.rights(i) {
		case 0:
			list += who + "\n"
		case 1:
			list += who + " subscribe=client-1/t0,*/t1\n"
		case 2:
			list += who + " publish=*/t0 subscribe=\n"
		} // else it is not allowed
	}
	return list
}

// allows reports whether client i may have read a topic of client from that was announced
// under a name.
func (l fuzzList) allows(i, from int, name, topic string) bool {
	if name != l.name(from) || l.rights(from) == 3 || l.rights(from) == 2 && topic != "t0" {
		return false
	}
	switch l.rights(i) {
	case 0:
		return true
	case 1:
		return name == "client-1" && topic == "t0" || topic == "t1"
	}
	return false
}

// begin forgets what belongs to a connection.
func (c *fuzzClient) begin() {
	c.heard, c.welcomed, c.announced, c.confirmed = 0, false, map[uint32]*message{}, map[uint32]bool{}
}

// control sends a control message, given without its number and the last brace.
func (c *fuzzClient) control(text string) {
	c.seq++
	c.send(ControlChannel, intentra.Reliable, fmt.Sprintf(`%s,"seq":%d}`, text, c.seq))
}

func (c *fuzzClient) send(channel uint32, intent intentra.Intent, payload string) {
	if hub, ok := c.node.Peer(keyOf("hub").Public()); ok && c.node.Running() {
		hub.Send(intentra.Message{Channel: channel, Intent: intent, Payload: []byte(payload)}) // what does not fit is refused
	}
}

// sendRaw sends any bytes as a control message.
func (c *fuzzClient) sendRaw(text string) {
	if m, err := decode([]byte(text)); err == nil && m.Channel != nil {
		c.topics[*m.Channel] = append(c.topics[*m.Channel], m.Topic)
		c.confirmed[*m.Channel] = c.announced[*m.Channel] != nil
	}
	c.send(ControlChannel, intentra.Reliable, text)
}

// step does what two bytes say, and returns the rest of ops.
func (r *fuzzRun) step(op, arg byte, ops []byte) []byte {
	r.steps++
	c := r.clients[int(op>>4)%fuzzClients]
	intents := []string{"realtime", "latest", "reliable"}
	patterns := []string{"**", "*/t0", "client-0/*", "client-1/t1", "renamed/**", "*"}
	channel, intent := 1+uint32(arg&3), int(arg>>2)%3
	switch op & 15 {
	case 0:
		c.control(fmt.Sprintf(`{"type":"subscribe","id":%d,"pattern":"**","cached":%v`, arg%3, arg&16 != 0))
		fallthrough
	case 1:
		name := fmt.Sprint("t", arg>>4%3)
		layout := ""
		if arg&(1<<6) != 0 {
			layout = `,"layout":{"x":{"offset":0,"type":"i32le"},"y":{"offset":4,"type":"i32le"}}`
		}
		c.topics[channel] = append(c.topics[channel], name)
		c.control(fmt.Sprintf(`{"type":"declare","channel":%d,"topic":%q,"intent":%q%s`, channel, name, intents[intent], layout))
	case 2:
		c.control(fmt.Sprintf(`{"type":"retract","channel":%d`, channel))
	case 3:
		options := []string{"", `,"cached":true`, `,"max_rate":5`, `,"area":{"min":[0,0],"max":[1,1]}`, `,"max_rate":50,"cached":true`}[arg>>5%5]
		c.control(fmt.Sprintf(`{"type":"subscribe","id":%d,"pattern":%q%s`, arg&3, patterns[arg>>2%6], options))
	case 4:
		c.control(fmt.Sprintf(`{"type":"unsubscribe","id":%d`, arg&3))
	case 5:
		c.confirmed[uint32(arg)] = c.announced[uint32(arg)] != nil
		c.control(fmt.Sprintf(`{"type":"announced","channel":%d`, arg))
	case 6:
		c.control(fmt.Sprintf(`{"type":"retracted","channel":%d`, arg))
	case 7:
		c.mute = !c.mute
	case 8:
		c.control(`{"type":"watch"`)
	case 9:
		c.control(fmt.Sprintf(`{"type":"list","pattern":%q`, patterns[arg%6]))
	case 10:
		c.control(`{"type":"hello"`)
	case 11:
		c.send(channel, intentra.Intent(1+intent), fmt.Sprintf("%s %d %d", c.name, channel, len(r.lists)-1))
	case 12:
		n := min(int(arg), len(ops))
		c.send(channel*1000, intentra.Intent(1+arg%3), "raw "+string(ops[:n]))
		c.sendRaw(string(ops[:n]))
		return ops[n:]
	case 13:
		r.lists = append(r.lists, fuzzList(arg))
		r.hub.SetAccess(r.parse(fuzzList(arg).String()))
	case 14:
		r.reconnect(c, arg)
	default:
		r.pass(time.Duration(arg) * 4 * time.Millisecond)
		r.bounded()
	}
	return ops
}

// reconnect has a client restart, or cuts its link or restores it.
func (r *fuzzRun) reconnect(c *fuzzClient, arg byte) {
	switch arg % 3 {
	case 0:
		c.begin()
		require.NoError(r.t, c.node.Restart())
		require.NoError(r.t, c.node.Dial(keyOf("hub").Public()))
		c.seq = 0
		r.pass(50 * time.Millisecond)
		c.control(`{"type":"hello"`)
	case 1:
		r.SetLinks(r.hubNode, c.node, sim.Link{Cut: true})
	default:
		r.SetLinks(r.hubNode, c.node, sim.Link{Delay: 5 * time.Millisecond})
	}
}

// receive checks what a client is sent.
func (c *fuzzClient) receive(in intentra.Received) {
	t := c.r.t
	if in.Channel == ControlChannel {
		c.receiveControl(in)
		return
	}
	m := c.announced[in.Channel%cachedOffset]
	if m == nil {
		return // it has been retracted
	}
	require.True(t, c.confirmed[in.Channel%cachedOffset], "an update before the confirmation")
	if in.Channel < cachedOffset {
		require.Equal(t, *m.Intent, in.Intent)
	} else {
		require.Equal(t, intentra.Reliable, in.Intent)
	}
	var from string
	var channel uint32
	var list int
	if n, _ := fmt.Sscanf(string(in.Payload), "%s %d %d", &from, &channel, &list); n != 3 || !strings.HasPrefix(from, "client-") {
		return // raw bytes of another client, or those of robot-1
	}
	require.Equal(t, keyOf(from).Public(), m.Publisher.Key, "an update of another publisher")
	require.NotEqual(t, c.name, from, "an echo")
	i := slices.IndexFunc(c.r.clients, func(c *fuzzClient) bool { return c.name == from })
	require.Contains(t, c.r.clients[i].topics[channel], m.Topic, "an update of another topic")
	self := slices.Index(c.r.clients, c)
	allowed := slices.ContainsFunc(c.r.lists[list:], func(l fuzzList) bool { return l.allows(self, i, m.Publisher.Name, m.Topic) })
	require.True(t, allowed, "%s may not read %s/%s", c.name, m.Publisher.Name, m.Topic)
}

func (c *fuzzClient) receiveControl(in intentra.Received) {
	t := c.r.t
	m, err := decode(in.Payload)
	require.NoError(t, err)
	require.Equal(t, intentra.Reliable, in.Intent)
	require.LessOrEqual(t, len(in.Payload), MaxControl)
	if m.Seq <= c.heard {
		return // a repetition
	}
	c.heard = m.Seq
	switch {
	case m.Type == typeWelcome:
		c.welcomed = true
		clear(c.announced)
		clear(c.confirmed)
	case !c.welcomed: // left over from the session before
	case m.Type == typeAnnounce:
		require.Nil(t, c.announced[*m.Channel], "a number for two topics")
		require.NoError(t, CheckName(m.Publisher.Name))
		c.announced[*m.Channel] = &m
		if !c.mute {
			c.confirmed[*m.Channel] = true
			c.control(fmt.Sprintf(`{"type":"announced","channel":%d`, *m.Channel))
		}
	case m.Type == typeRetract:
		require.NotNil(t, c.announced[*m.Channel], "a number that was not announced")
		delete(c.announced, *m.Channel)
		delete(c.confirmed, *m.Channel)
		if !c.mute {
			c.control(fmt.Sprintf(`{"type":"retracted","channel":%d`, *m.Channel))
		}
	}
}

// bounded checks the limits of the hub's tables.
func (r *fuzzRun) bounded() {
	c := r.hub.core
	require.LessOrEqual(r.t, len(c.publishers), fuzzClients+2)
	require.LessOrEqual(r.t, len(c.members), fuzzClients+2)
	for _, pub := range c.publishers {
		require.LessOrEqual(r.t, len(pub.topics), 2)
	}
	for _, m := range c.members {
		require.LessOrEqual(r.t, len(m.subscriptions), 2)
		require.LessOrEqual(r.t, len(m.replies), maxReplies)
		require.LessOrEqual(r.t, len(m.held), heldUpdates)
		require.LessOrEqual(r.t, m.heldBytes, heldBytes)
		require.LessOrEqual(r.t, len(m.declared), 2)
		require.LessOrEqual(r.t, len(m.unseen), fuzzClients+2)
	}
	require.LessOrEqual(r.t, len(c.gathering.updates), gatherUpdates)
	r.consistent()
}

// finish checks that the hub still serves others.
func (r *fuzzRun) finish() {
	one, viewer := r.join("robot-1"), r.join("viewer")
	s := viewer.subscribe(Subscription{Pattern: "robot-1/pose"})
	pose := one.declare(Topic{Name: "pose"})
	r.pass(second)
	require.NoError(r.t, pose.Send([]byte("fine")))
	r.pass(second)
	require.Equal(r.t, []string{"robot-1/pose fine"}, s.read())
	r.bounded()
	require.Zero(r.t, r.hubNode.Stats().Panics)
}
