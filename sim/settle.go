package sim

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/intentra/intentra"
)

// ErrUnsettled is returned when nodes that should be connected are not.
var ErrUnsettled = errors.New("not connected")

// mostNamed is the most pairs that an error names.
const mostNamed = 5

// Settle lets time pass until all nodes are connected with the running peers that
// they dial, in both directions. If that takes longer than limit the run ends
// with ErrUnsettled. A node whose dial has ended, as conn.DialEnded reports, is
// not waited for: its first dial has failed, for example because the peer has no
// Authorize, or ClosePeer has ended it. Nor is a restarted process before it
// dials again. The caller must first end faults that keep the nodes apart.
func (w *World) Settle(limit time.Duration) (took time.Duration, err error) {
	w.checked()
	var waiting couple
	took, ok := w.Until(limit, func() bool {
		if waiting.apart() {
			return false // the others need no check
		}
		all := w.apart(1)
		if len(all) > 0 {
			waiting = all[0]
		}
		return len(all) == 0
	})
	if !ok && w.err == nil {
		var names []string
		for _, c := range w.apart(mostNamed) {
			names = append(names, c.String())
		}
		w.Fail(fmt.Errorf("%w within %v: %s", ErrUnsettled, limit, strings.Join(names, ", ")))
	}
	return took, w.err
}

// couple is a node and a peer that it dials.
type couple struct{ n, with *Node }

// apart reports whether the two are not connected, although both are running and
// n still dials.
func (c couple) apart() bool {
	if c.n == nil || !c.n.Running() || !c.with.Running() {
		return false
	}
	return slices.Contains(c.n.wishes, c.with.key) && !(c.n.Connected(c.with.key) && c.with.Connected(c.n.key))
}

func (c couple) String() string {
	return fmt.Sprintf("%s (%s) with %s (%s)", c.n.name, upOrDown(c.n, c.with.key), c.with.name, upOrDown(c.with, c.n.key))
}

// apart returns up to limit couples that are apart.
func (w *World) apart(limit int) (all []couple) {
	for _, n := range w.nodes {
		for _, key := range n.wishes {
			c := couple{n, w.byKey[key]}
			if c.with == nil || !c.apart() {
				continue
			}
			if all = append(all, c); len(all) == limit {
				return all
			}
		}
	}
	return all
}

func upOrDown(n *Node, key intentra.PublicKey) string {
	if n.Connected(key) {
		return "up"
	}
	return "down"
}
