package load

import (
	"context"
	"net/netip"

	"github.com/intentra/intentra"
)

// AttackKind is an attack during which honest peers are measured.
type AttackKind string

// The kinds of attacks.
const (
	Idle       AttackKind = "idle"       // nothing
	Forged     AttackKind = "forged"     // forged datagrams with the address of one peer, from an observer
	Replayed   AttackKind = "replays"    // copies of that peer's datagrams, from an observer
	Handshakes AttackKind = "handshakes" // complete handshakes from authorized keys
)

// The children of an Attack.
const (
	victimChild = iota // the peer with an observer on its path
	othersChild        // all other honest peers
	observerChild
	attackChildren
)

// Attack is a Testbed whose peers send to the transport of this process, one of
// them through an Observer, while it is attacked.
type Attack struct {
	*Testbed
	AttackConfig
	// Background is the command that runs the callers at low priority, or
	// "nothing".
	Background     string
	callers        Children // one
	victim, others Receiver
}

// AttackConfig sets the loads of an Attack.
type AttackConfig struct {
	// Hz is how many messages of Size bytes each honest peer sends in a second.
	Hz   float64
	Size int
	// Flood is how many datagrams a second the observer sends. Handshakes is how
	// many handshakes a second begin, from Addresses addresses.
	Flood, Handshakes float64
	Addresses         int
	// Foreground runs the callers at normal priority.
	Foreground bool
}

// OpenAttack starts the endpoint with the limits of b, and the children. The
// first of b.Peers, which are at least two, is the victim. The b.Spare
// identities, at least one, attack.
func OpenAttack(ctx context.Context, b TestbedConfig, c AttackConfig) (a *Attack, err error) {
	a = &Attack{AttackConfig: c}
	b.Children = attackChildren
	a.Testbed, err = open(ctx, b, intentra.Config{Handler: func(m intentra.Received) {
		// Each counts only messages with its own ID.
		a.others.Handle(m.Payload)
		a.victim.Handle(m.Payload)
	}})
	if err != nil {
		return nil, err
	}
	command := b.Command
	if a.Background = "nothing"; !c.Foreground {
		command, a.Background = inBackground(command)
	}
	if a.callers, err = StartChildren(ctx, 1, command, b.Stderr); err != nil {
		a.Close()
		return nil, err
	}
	return a, nil
}

// Close ends the children and the endpoint.
func (a *Attack) Close() {
	a.callers.Close()
	a.Testbed.Close()
}

// Connect connects all honest peers and prepares the attackers.
func (a *Attack) Connect(ctx context.Context) error {
	addr := a.Transport.LocalAddr()
	var path netip.AddrPort
	if err := a.children[observerChild].Call(ctx, "Observer.Forward", addr, &path); err != nil {
		return err
	}
	calls := Calls{
		Addr: addr, Server: a.Transport.PublicKey(), Seed: a.seed, First: a.Peers, Identities: a.Spare, Addresses: a.Addresses,
	}
	if err := a.callers[0].Call(ctx, "Caller.Open", calls, &a.Addresses); err != nil {
		return err
	}
	crowd := a.crowd(0)
	crowd.Sockets = 1
	for _, part := range []struct {
		child, first, peers int
		addr                netip.AddrPort
	}{{victimChild, 0, 1, path}, {othersChild, 1, a.Peers - 1, addr}} {
		crowd.First, crowd.Peers, crowd.Addr = part.first, part.peers, part.addr.String()
		if err := a.children[part.child].Call(ctx, "Sender.Connect", crowd, &struct{}{}); err != nil {
			return err
		}
	}
	return a.awaitPeers(ctx)
}
