package sim

import (
	"errors"
	"fmt"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/internal/simulated"
)

// ErrToken is returned when a message with a token has not exactly one outcome.
var ErrToken = errors.New("not one outcome")

// tokens are the messages of a process with a token whose outcome is not known. The
// process has an OnDelivery, else it has none.
type tokens struct {
	watched bool
	open    map[uint64]int // by token, for all peers together
	total   int
}

// watch returns user with an OnDelivery that notes the outcomes, if it has one.
func (t *tokens) watch(p *process, user intentra.Config) intentra.Config {
	inner := user.OnDelivery
	if inner == nil {
		return user
	}
	t.watched, t.open = true, map[uint64]int{}
	user.OnDelivery = func(d intentra.Delivery) {
		if err := t.decided(d); err != nil {
			p.n.w.Fail(fmt.Errorf("tokens: %s: %w", p.n.name, err))
		}
		inner(d)
	}
	return user
}

// sent notes a message that was queued.
func (t *tokens) sent(m intentra.Message) {
	if t.watched && m.Token != 0 {
		t.open[m.Token]++
		t.total++
	}
}

func (t *tokens) decided(d intentra.Delivery) error {
	if t.open[d.Token] == 0 {
		return fmt.Errorf("%w: token %d is %v, and has no message or an earlier outcome", ErrToken, d.Token, d.Outcome)
	}
	t.total--
	if t.open[d.Token]--; t.open[d.Token] == 0 {
		delete(t.open, d.Token)
	}
	return nil
}

// ended checks that a process that has ended in good order has learnt all outcomes.
func (t *tokens) ended() error {
	if t.total > 0 {
		return fmt.Errorf("%w: the process has ended, and %d messages have none", ErrToken, t.total)
	}
	return nil
}

// Undecided returns ErrToken while a running process has messages with a token whose
// outcome it has not learnt. Use it with Until at the end of a scenario, when nothing more is
// sent. It returns nil in a world without Audit.
func (w *World) Undecided() error {
	for _, n := range w.checked().nodes {
		if a := n.proc.audit; a != nil && !n.proc.ended && a.tokens.total > 0 {
			return fmt.Errorf("%w: %s has %d messages without one", ErrToken, n.name, a.tokens.total)
		}
	}
	return nil
}

// user returns the configuration of the application of p.
func (p *process) user() any {
	cfg := p.n.program()
	if p.audit != nil {
		cfg = p.audit.tokens.watch(p, cfg)
	}
	return cfg
}

var _ simulated.Host = (*process)(nil)
