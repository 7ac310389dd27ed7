package dispatch

// Newest remembers, for a bounded number of channels, the order of the newest
// message. The zero value is ready to use with a limit of [DefaultChannels].
//
// At the limit, the channel that was updated longest ago is evicted, and its order
// becomes the floor for all channels that are not remembered: a message of such a
// channel is accepted only above the floor. So no channel goes backwards, but a late
// message of an evicted channel may be dropped.
type Newest struct {
	limit int
	index map[uint32]int32
	nodes []node // a ring through nodes[0], most recently updated first
	floor uint64
}

type node struct {
	channel    uint32
	prev, next int32
	order      uint64
}

// DefaultChannels is the number of channels that a Newest remembers.
const DefaultChannels = 1024

// NewNewest returns a Newest that remembers limit channels, at least one.
func NewNewest(limit int) Newest { return Newest{limit: max(limit, 1)} }

// Accept reports whether a message of the given order is at least as new as the newest
// accepted on the channel, and if so records it. Orders grow with time; the messages
// of one packet have the same order and are passed in sequence.
func (n *Newest) Accept(channel uint32, order uint64) bool { return n.accept(channel, order, order) }

// AcceptOnce is Accept for a message that is newer than all that were accepted, and not
// only as new.
func (n *Newest) AcceptOnce(channel uint32, order uint64) bool {
	return order > 0 && n.accept(channel, order, order-1)
}

// accept is Accept for a message of which newest is the highest order that it may follow.
func (n *Newest) accept(channel uint32, order, newest uint64) bool {
	if n.index == nil {
		n.init()
	}
	if i, ok := n.index[channel]; ok {
		if newest < n.nodes[i].order {
			return false
		}
		n.nodes[i].order = order
		n.unlink(i)
		n.pushFront(i)
		return true
	}
	if newest < n.floor {
		return false
	}
	i := n.take()
	n.nodes[i].channel, n.nodes[i].order = channel, order
	n.index[channel] = i
	n.pushFront(i)
	return true
}

func (n *Newest) init() {
	if n.limit == 0 {
		n.limit = DefaultChannels
	}
	n.index = make(map[uint32]int32)
	n.nodes = make([]node, 1, 4)
}

// take returns a node to use: a new one, or the oldest at the limit.
func (n *Newest) take() int32 {
	if len(n.nodes) <= n.limit {
		n.nodes = append(n.nodes, node{})
		return int32(len(n.nodes) - 1)
	}
	i := n.nodes[0].prev
	n.unlink(i)
	n.floor = max(n.floor, n.nodes[i].order)
	delete(n.index, n.nodes[i].channel)
	return i
}

func (n *Newest) unlink(i int32) {
	at := &n.nodes[i]
	n.nodes[at.prev].next = at.next
	n.nodes[at.next].prev = at.prev
}

func (n *Newest) pushFront(i int32) {
	first := n.nodes[0].next
	n.nodes[i].prev, n.nodes[i].next = 0, first
	n.nodes[first].prev = i
	n.nodes[0].next = i
}
