package member

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/hub"
)

// node is a hub of the simulation: a Member and a model of package hub.
type node struct {
	t      *testing.T
	w      *network
	index  int
	key    intentra.PublicKey
	inc    uint64
	up     bool
	skew   time.Duration // of its clock
	member *Member
	events []func() // as the queue between a hub and its Member

	interest  func(k intentra.PublicKey) bool
	remotes   map[intentra.PublicKey]*remotePublisher
	exported  map[uint64]*exported
	lastID    uint64
	delivered map[intentra.PublicKey]map[string]uint64 // the newest update that a subscriber has had
	reliable  map[intentra.PublicKey][]uint64
	fled      *subscriber          // that is at this hub; nil: none
	replaced  []intentra.PublicKey // whose sessions the Member has ended
}

type remotePublisher struct {
	connected bool
	topics    map[string]*remoteTopic
}

type remoteTopic struct {
	asked bool
	value uint64 // cached
}

type exported struct {
	pub    *client
	desc   hub.Topic
	value  []byte
	made   time.Duration // when value was
	wanted bool
}

func (n *node) Replace(k intentra.PublicKey) { n.replaced = append(n.replaced, k) }

func (n *node) Connect(k intentra.PublicKey, _ uint64) bool {
	r := n.remotes[k]
	if r == nil {
		r = &remotePublisher{topics: make(map[string]*remoteTopic)}
		n.remotes[k] = r
	}
	r.connected = true
	n.reconsider(k)
	return true
}

func (n *node) Disconnect(k intentra.PublicKey) {
	if r := n.remotes[k]; r != nil {
		r.connected = false
		n.reconsider(k)
	}
}

func (n *node) Declare(k intentra.PublicKey, t hub.Topic) bool {
	r := n.remotes[k]
	if r == nil || !r.connected {
		return false
	}
	if r.topics[t.Name] == nil {
		r.topics[t.Name] = &remoteTopic{}
	}
	n.reconsider(k)
	return true
}

func (n *node) Retract(k intentra.PublicKey, name string) {
	if r := n.remotes[k]; r != nil && r.topics[name] != nil {
		if r.topics[name].asked {
			n.events = append(n.events, func() { n.member.Wanted(k, name, false) })
		}
		delete(r.topics, name)
	}
}

func (n *node) reconsider(k intentra.PublicKey) {
	r := n.remotes[k]
	for _, name := range []string{"pose", "order"} {
		t := r.topics[name]
		if t == nil {
			continue
		}
		if wanted := r.connected && n.interest != nil && n.interest(k); wanted != t.asked {
			t.asked = wanted
			n.events = append(n.events, func() { n.member.Wanted(k, name, wanted) })
		}
	}
}

func (n *node) Update(k intentra.PublicKey, name string, payload []byte, age hub.Age) bool {
	r := n.remotes[k]
	if r == nil || !r.connected || r.topics[name] == nil {
		return false
	}
	v := binary.BigEndian.Uint64(payload)
	n.checkAge(k, name, v, age)
	if n.delivered[k] == nil {
		n.delivered[k] = make(map[string]uint64)
	}
	require.GreaterOrEqual(n.t, v, n.delivered[k][name], "%s went back at hub %d at %v", name, n.index, n.w.now)
	if name == "order" {
		require.Greater(n.t, v, n.delivered[k][name], "a Reliable update came twice")
		n.reliable[k] = append(n.reliable[k], v)
	}
	n.delivered[k][name], r.topics[name].value = v, v
	if name == "pose" && n.fled != nil {
		n.fled.receive(k, v)
	}
	return true
}

// checkAge: the true age of an update is within the bound, whatever the clocks of the hubs show.
func (n *node) checkAge(k intentra.PublicKey, name string, v uint64, age hub.Age) {
	if !age.Known {
		n.w.ageless++
		return
	}
	truth := n.w.now - n.w.made[madeKey{k, name, v}]
	require.LessOrEqual(n.t, max(truth-age.Age, age.Age-truth), age.Within+2*time.Microsecond, "%s %d at hub %d is %v old", name, v, n.index, truth)
	require.LessOrEqual(n.t, age.Within, 2*n.w.delay+50*time.Millisecond)
}

func (n *node) Drop(k intentra.PublicKey, name string) {
	if r := n.remotes[k]; r != nil && r.topics[name] != nil {
		r.topics[name].value = 0
	}
}

func (n *node) Demand(id uint64, wanted bool) {
	if e := n.exported[id]; e != nil {
		e.wanted = wanted
	}
}

func (n *node) Value(id uint64) ([]byte, hub.Age, bool) {
	e := n.exported[id]
	if e == nil || e.value == nil {
		return nil, hub.Age{}, false
	}
	return e.value, hub.Age{Known: true, Age: n.w.now - e.made}, true
}
