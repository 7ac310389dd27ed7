package journal

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strconv"

	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/pipeline"
)

// Core is a conn.Endpoint that records its inputs and the answers of its callbacks
// with a Writer. Without a Writer it only forwards calls. The methods that it does
// not shadow have no observable effect.
//
// Like an Endpoint it belongs to one goroutine, except for the queues of its peers.
// The callbacks (Deliver, Room, Authorize) must not call it: their input would be
// recorded before the one that they are part of.
type Core struct {
	*conn.Endpoint
	w      *Writer
	cfg    conn.Config
	labels []pipeline.DropCount
	origin int64
	local  netip.AddrPort
	heard  effects
	sentAt pipeline.Time
	packet []byte // scratch
}

// New returns a core that w records, or that is not recorded if w is nil. origin is
// the wall-clock time at the core's time zero, in nanoseconds since 1970. Call
// Begin next.
func New(cfg conn.Config, w *Writer, origin int64) (*Core, error) {
	c := &Core{w: w, origin: origin}
	if w != nil {
		if err := w.begin(); err != nil {
			return nil, err
		}
		cfg = c.tap(cfg.WithDefaults())
	}
	ep, err := conn.New(cfg)
	if err != nil {
		return nil, err
	}
	c.Endpoint, c.cfg = ep, cfg
	return c, nil
}

// Begin writes the first entry. local is the transport's address in the recorded
// packets.
func (c *Core) Begin(local netip.AddrPort) error {
	if c.w == nil {
		return nil
	}
	plain, err := json.Marshal(c.cfg)
	if err != nil {
		return fmt.Errorf("recording: %w", err)
	}
	c.local, c.labels = local, c.Inbound().DropLabels()
	c.w.begun()
	c.w.where(c.origin, local)
	c.w.block(appendSection(nil, mark+strconv.Itoa(Version)))
	c.w.entry(Entry{Kind: Started, Start: &Start{
		Version: Version, Recording: c.w.id, Origin: c.origin, Local: local, Key: c.cfg.Identity.Public(), Authorizes: c.cfg.Authorize != nil,
		Config: plain, Inbound: c.Inbound().Names(), Outbound: c.Outbound().Names(),
	}})
	return nil
}

// Finish writes the last entry, with the totals, and ends the recording.
func (c *Core) Finish() {
	if c.w == nil {
		return
	}
	c.Inbound().Publish()
	c.Outbound().Publish()
	c.input(Entry{Kind: Ended, End: &End{Inbound: c.Inbound().Counts(), Outbound: c.Outbound().Counts()}})
	c.w.ended()
	c.w.finish()
	c.w = nil
}
