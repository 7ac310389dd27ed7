package member

import (
	"encoding/binary"
	"fmt"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/hub"
)

// client is a publisher.
type client struct {
	key     intentra.PublicKey
	at      *node
	ids     map[string]uint64
	counter map[string]uint64
}

func (c *client) join(n *node) {
	c.at, c.ids = n, make(map[string]uint64)
	delete(n.remotes, c.key)
	n.events = append(n.events, func() { n.member.LocalPublisher(hub.Publisher{Key: c.key, Connected: true}) })
	for name, intent := range map[string]intentra.Intent{"pose": intentra.Latest, "order": intentra.Reliable} {
		n.lastID++
		id := n.lastID
		c.ids[name] = id
		e := &exported{pub: c, desc: hub.Topic{Name: name, Intent: intent}}
		n.exported[id] = e
		n.events = append(n.events, func() { n.member.LocalTopic(id, c.key, e.desc) })
	}
	c.send("pose", false) // the newest value, again
}

func (c *client) leave() {
	n := c.at
	c.at = nil
	n.events = append(n.events, func() {
		n.member.LocalPublisher(hub.Publisher{Key: c.key})
		for _, name := range []string{"pose", "order"} {
			n.member.LocalRetracted(c.ids[name])
			delete(n.exported, c.ids[name])
		}
		n.member.LocalForgotten(c.key)
	})
}

// retract ends a topic, of which c goes on knowing the number.
func (c *client) retract(name string) {
	n, id := c.at, c.ids[name]
	delete(n.exported, id)
	n.events = append(n.events, func() { n.member.LocalRetracted(id) })
}

func (c *client) publish() {
	c.send("pose", true)
	c.send("order", true)
}

func (c *client) send(name string, next bool) {
	if next {
		c.counter[name]++
	}
	n, id := c.at, c.ids[name]
	e := n.exported[id]
	payload := binary.BigEndian.AppendUint64(nil, c.counter[name])
	key := madeKey{c.key, name, c.counter[name]}
	if _, again := n.w.made[key]; !again {
		n.w.made[key] = n.w.now
	}
	e.value, e.made = payload, n.w.made[key]
	if name == "pose" && n.fled != nil {
		n.fled.receive(c.key, c.counter[name])
	}
	made := Stamp{Known: true, Made: e.made + n.skew}
	n.events = append(n.events, func() {
		if e.wanted {
			n.member.LocalUpdate(id, payload, made)
		}
	})
}

func (w *network) clients(n int) (all []*client) {
	for i := range n {
		c := &client{key: keyOf(fmt.Sprint("client", i)), counter: map[string]uint64{"pose": 1, "order": 0}}
		c.join(w.hubs[i%len(w.hubs)])
		all = append(all, c)
	}
	return all
}
