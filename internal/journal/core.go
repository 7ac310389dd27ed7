package journal

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strconv"

	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/pipeline"
)

// Core is a conn.Endpoint that writes down what it is given and asked, if it has
// a Writer; without one it only passes calls on. What it does not shadow changes
// nothing that could be seen from outside.
//
// Like an Endpoint it belongs to one goroutine, but for its peers' queues. What it
// calls (Deliver, Room, Authorize) must not call it: an input would be written
// down before the one that it is part of.
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

// New makes an endpoint that is recorded by w, or not if w is nil. origin is the
// time of day at time zero in nanoseconds since 1970. Begin comes next.
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

// Begin writes the first entry. local is the address that packets are shown to
// come from and go to.
func (c *Core) Begin(local netip.AddrPort) error {
	if c.w == nil {
		return nil
	}
	plain, err := json.Marshal(c.cfg)
	if err != nil {
		return fmt.Errorf("journal: %w", err)
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

// Finish writes the last entry, with the totals. Nothing is recorded after it.
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
