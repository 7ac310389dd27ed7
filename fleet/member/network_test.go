package member

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
)

func keyOf(name string) intentra.PublicKey { return sha256.Sum256([]byte(name)) }

// network is a simulated NATS: frames take random times, so that they overtake each other,
// are lost and repeated, and hubs are partitioned.
type network struct {
	rng         *rand.Rand
	now         time.Duration
	queue       []letter
	hubs        []*node
	delay       time.Duration // at most
	lost, twice float64
	cut         map[[2]int]bool
	made        map[madeKey]time.Duration
	ageless     int // updates that were delivered without an age
	// drop says whether a frame is lost; nil: none. It sees those that are not lost otherwise.
	drop func(from, to int, kind string, frame []byte) bool
}

// madeKey is an update of a publisher's topic.
type madeKey struct {
	key  intentra.PublicKey
	name string
	n    uint64
}

type letter struct {
	at   time.Duration
	to   *node
	inc  uint64
	kind string
	b    []byte
}

func newNetwork(seed uint64) *network {
	return &network{rng: rand.New(rand.NewPCG(seed, 7)), cut: make(map[[2]int]bool), made: make(map[madeKey]time.Duration), delay: 20 * time.Millisecond}
}

func (w *network) add(t *testing.T) *node {
	n := &node{t: t, w: w, index: len(w.hubs), key: keyOf(fmt.Sprint("hub", len(w.hubs)))}
	n.delivered = make(map[intentra.PublicKey]map[string]uint64)
	n.reliable = make(map[intentra.PublicKey][]uint64)
	w.hubs = append(w.hubs, n)
	n.start()
	return n
}

func (n *node) start() {
	n.inc = n.w.rng.Uint64() | 1
	n.up, n.events = true, nil
	n.remotes, n.exported = make(map[intentra.PublicKey]*remotePublisher), make(map[uint64]*exported)
	var err error
	n.member, err = New(Config{Key: n.key, Incarnation: n.inc, Addr: "hub:1"}, (*bus)(n))
	require.NoError(n.t, err)
}

// bus sends the frames of a node.
type bus node

func (b *bus) send(to *node, kind string, frame []byte) {
	w := b.w
	if to == (*node)(b) || !to.up {
		return
	}
	copies := 1
	if w.rng.Float64() < w.twice {
		copies = 2
	}
	lost := w.cut[[2]int{b.index, to.index}] || w.rng.Float64() < w.lost
	if lost || w.drop != nil && w.drop(b.index, to.index, kind, frame) {
		return
	}
	for range copies {
		w.queue = append(w.queue, letter{w.now + time.Duration(w.rng.Int64N(int64(w.delay)+1)), to, to.inc, kind, slices.Clone(frame)})
	}
}

func (b *bus) Heartbeat(frame []byte) {
	for _, to := range b.w.hubs {
		b.send(to, "heartbeat", frame)
	}
}

func (b *bus) Directory(frame []byte) {
	for _, to := range b.w.hubs {
		b.send(to, "directory", frame)
	}
}

func (b *bus) Direct(k intentra.PublicKey, frame []byte) {
	for _, to := range b.w.hubs {
		if to.key == k {
			b.send(to, "direct", frame)
		}
	}
}

// turn lets the Member of a node do something.
func (n *node) turn(f func()) {
	n.member.Begin(n, n.w.now+n.skew)
	n.drain()
	f()
	n.member.End()
}

func (n *node) drain() {
	for len(n.events) > 0 {
		e := n.events[0]
		n.events = n.events[1:]
		e()
	}
	n.member.Settle()
}

// pass lets d pass.
func (w *network) pass(d time.Duration) {
	const step = 5 * time.Millisecond
	for end := w.now + d; w.now < end; w.now += step {
		slices.SortStableFunc(w.queue, func(a, b letter) int { return int(a.at - b.at) })
		for len(w.queue) > 0 && w.queue[0].at <= w.now {
			l := w.queue[0]
			w.queue = w.queue[1:]
			if !l.to.up || l.to.inc != l.inc {
				continue
			}
			l.to.turn(func() {
				switch m := l.to.member; l.kind {
				case "heartbeat":
					m.ReceiveHeartbeat(l.b)
				case "directory":
					m.ReceiveDirectory(l.b)
				default:
					m.ReceiveDirect(l.b)
				}
			})
		}
		for _, n := range w.hubs {
			if n.up {
				n.turn(func() {
					n.member.Tick()
					if w.rng.IntN(3) > 0 {
						n.member.Flush()
					}
				})
			}
		}
	}
}
