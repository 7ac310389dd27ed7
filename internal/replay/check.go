package replay

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/intentra/intentra/internal/journal"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

// A recording may have been edited. The core trusts its driver, which is normally
// package intentra and validates the configuration. In a replay the file is the
// driver, so everything that no transport does is rejected here.

// mostTime bounds the core's time: no recording is longer, from the start of its
// transport.
const mostTime = 100 * 365 * 24 * time.Hour

// checkEntry rejects inputs that no driver produces and that the core need not
// tolerate.
func checkEntry(it journal.Item) error {
	e := it.Entry
	switch {
	case e.At < 0 || e.At > pipeline.Time(mostTime):
		return impossible(fmt.Sprintf("an entry at the time %d", e.At))
	case e.Kind == journal.Received && (it.Packet == nil || it.Packet.Data == nil):
		return impossible("a datagram that is missing or truncated")
	case e.Kind == journal.Received && !e.Addr.IsValid():
		return impossible(fmt.Sprintf("an entry %q without an address", e.Kind))
	case slices.ContainsFunc(e.Addrs, func(a netip.AddrPort) bool { return !a.IsValid() }):
		return impossible("a peer without an address")
	case e.Kind == journal.Dial && e.Key == e.Identity:
		return impossible("a transport that dials itself")
	}
	return nil
}

// checkPush rejects messages that never reach a queue: Send checks the intent, the
// priority and the length, and the queue relies on them.
func checkPush(e *journal.Entry) error {
	switch {
	case e.Kind == journal.Displaced && e.Done < 0:
		return impossible(fmt.Sprintf("%d displaced messages", e.Done))
	case e.Kind == journal.Displaced:
	case e.Intent < uint8(pipeline.Realtime) || e.Intent > uint8(pipeline.Reliable):
		return impossible(fmt.Sprintf("a message of intent %d", e.Intent))
	case !pipeline.Priority(e.Priority).Valid():
		return impossible(fmt.Sprintf("a message of priority %d", e.Priority))
	case e.Pushed < 0 || e.Expires < 0:
		return impossible("a message of a time before the start")
	case e.Origin > wire.MaxTime:
		return impossible("an origin beyond the end of time")
	case len(e.Payload) > wire.MaxDatagram:
		return impossible(fmt.Sprintf("a message of %d bytes", len(e.Payload)))
	}
	return nil
}
