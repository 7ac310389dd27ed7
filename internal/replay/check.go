package replay

import (
	"fmt"
	"time"

	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/internal/journal"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

// A recording may have been edited. The core trusts its driver, which is normally
// package intentra and validates the configuration. In a replay the file is the
// driver, so everything that no transport does is rejected here.

// checkConfig rejects a configuration that intentra.Config never produces.
func checkConfig(c *conn.Config) error {
	const many = 1 << 30
	for _, n := range []struct {
		name               string
		value, least, most float64
	}{
		{"MaxDatagram", float64(c.MaxDatagram), wire.MinDatagram, wire.MaxDatagram},
		{"MaxPeers", float64(c.MaxPeers), 1, pipeline.MaxIDs},
		{"MaxHandshakes", float64(c.MaxHandshakes), 1, 1 << 16},
		{"MaxHandshakesPerAddress", float64(c.MaxHandshakesPerAddress), 1, 1 << 16},
		{"HandshakeRate", float64(c.HandshakeRate), 1, many},
		{"HandshakeBurst", float64(c.HandshakeBurst), 1, many},
		{"RekeyRate", float64(c.RekeyRate), 1, many},
		{"PeerRate", float64(c.PeerRate), 1, many},
		{"PeerBurst", float64(c.PeerBurst), 1, many},
		{"RekeyAfterPackets", float64(c.RekeyAfterPackets), 1, conn.HardPackets},
		{"Strikes", float64(c.Strikes), 1, many},
		{"SendQueueMessages", float64(c.SendQueueMessages), 1, many},
		{"SendQueueBytes", float64(c.SendQueueBytes), 1, many},
		{"ReliableQueueMessages", float64(c.ReliableQueueMessages), 1, many},
		{"ReliableQueueBytes", float64(c.ReliableQueueBytes), 1, many},
		{"Chains.Ack.Every", float64(c.Chains.Ack.Every), 0, many},
		{"Chains.Ack.HeldBytes", float64(c.Chains.Ack.HeldBytes), 0, many},
		{"Chains.Ack.HeldBytesTotal", float64(c.Chains.Ack.HeldBytesTotal), 0, many},
	} {
		if !(n.value >= n.least && n.value <= n.most) { // negated, so that NaN is rejected
			return impossible(fmt.Sprintf("a configuration whose %s is %v", n.name, n.value))
		}
	}
	for _, d := range []struct {
		name  string
		value time.Duration
	}{
		{"IdleTimeout", c.IdleTimeout}, {"KeepAlive", c.KeepAlive}, {"HandshakeTimeout", c.HandshakeTimeout},
		{"Unanswered", c.Unanswered}, {"RekeyAfter", c.RekeyAfter}, {"StrikeWindow", c.StrikeWindow},
	} {
		if d.value < leastTime || d.value > mostTime {
			return impossible(fmt.Sprintf("a configuration whose %s is %v", d.name, d.value))
		}
	}
	for _, s := range append([]wire.Suite{c.Suite}, c.Suites...) {
		if !s.Valid() {
			return impossible(fmt.Sprintf("a configuration of suite %d", s))
		}
	}
	return nil
}

// Limits of the durations in a configuration. mostTime also limits the core's time.
const (
	leastTime = time.Millisecond
	mostTime  = 100 * 365 * 24 * time.Hour
)

// checkEntry rejects inputs that no driver produces and that the core need not
// tolerate.
func checkEntry(it journal.Item) error {
	e := it.Entry
	switch {
	case e.At < 0 || e.At > pipeline.Time(mostTime):
		return impossible(fmt.Sprintf("an entry at the time %d", e.At))
	case e.Kind == journal.Received && (it.Packet == nil || it.Packet.Data == nil):
		return impossible("a datagram that is missing or truncated")
	case (e.Kind == journal.Received || e.Kind == journal.SetAddress) && !e.Addr.IsValid():
		return impossible(fmt.Sprintf("an entry %q without an address", e.Kind))
	case e.Kind == journal.Dial && e.Key == e.Identity:
		return impossible("a transport that dials itself")
	}
	return nil
}

// checkPush rejects messages that never reach a queue: Send checks the intent and
// the length, and the queue relies on both.
func checkPush(e *journal.Entry) error {
	switch {
	case e.Intent < pipeline.Realtime || e.Intent > pipeline.Reliable:
		return impossible(fmt.Sprintf("a message of intent %d", e.Intent))
	case len(e.Payload) > wire.MaxDatagram:
		return impossible(fmt.Sprintf("a message of %d bytes", len(e.Payload)))
	}
	return nil
}
