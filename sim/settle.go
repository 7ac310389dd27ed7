package sim

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/intentra/intentra"
)

// ErrUnsettled: nodes that want to be connected are not.
var ErrUnsettled = errors.New("not connected")

// mostNamed is how many pairs an error names.
const mostNamed = 5

// Settle lets the time pass until all who keep dialling somebody that is
// running are connected with him, and he with them. If that takes longer than
// limit the run ends with ErrUnsettled. Who has been told that his dial is over,
// by conn.DialEnded, does not keep dialling, and is not waited for: the first one
// has failed, as where nobody has given an Authorize, or ClosePeer has ended it.
// Nor is a process that has been restarted, before it dials again. Faults that
// keep them apart are the caller's to end before.
func (w *World) Settle(limit time.Duration) (took time.Duration, err error) {
	var waiting couple
	took, ok := w.Until(limit, func() bool {
		if waiting.apart() {
			return false // no need to look at the others
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

// couple is a node and somebody whom it keeps dialling.
type couple struct{ n, with *Node }

// apart reports whether they are not connected, although both run and n wants
// to be.
func (c couple) apart() bool {
	if c.n == nil || !c.n.Running() || !c.with.Running() {
		return false
	}
	return slices.Contains(c.n.wishes, c.with.key) && !(c.n.Connected(c.with.key) && c.with.Connected(c.n.key))
}

func (c couple) String() string {
	return fmt.Sprintf("%s (%s) with %s (%s)", c.n.name, upOrDown(c.n, c.with.key), c.with.name, upOrDown(c.with, c.n.key))
}

// apart returns the couples that are, up to limit of them.
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
