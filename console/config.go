package console

import (
	"errors"
	"fmt"
	"time"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/hub"
)

// Config configures a [Console].
type Config struct {
	// Transport is the transport to show. Required, unless Hub has one.
	Transport *intentra.Transport
	// Hub adds names, topics, positions and the hub's own drops. Optional. Its transport
	// is shown.
	Hub *hub.Hub
	// Name is the name in the head line. Default "hub" or, without a Hub, "transport".
	Name string
	// Version is shown next to the name. Optional.
	Version string
	// PeerName returns the name of a peer, or an empty string. It is used if Hub is nil.
	// Default: the first characters of the key.
	PeerName func(intentra.PublicKey) string
	// Events is the log that the page shows. The program passes the transport's events
	// to it. Default: a log that knows only what the page itself notices.
	Events *Events
	// Ages returns how many updates have been delivered so far, by their age from origin
	// to handler: a count for each of [AgeBounds], of ages up to that bound and above the
	// one before, and one more for higher ages. It must be safe for concurrent use.
	// Optional: the page of a Hub shows how old updates with a stamp are when the hub passes
	// them on. Without any of these, it shows round-trip times.
	Ages func() []uint64
	// CPU returns the processor time that the process has used. Optional: the page then
	// shows the estimate of runtime/metrics.
	CPU func() (time.Duration, error)
	// Sections returns tables that the page shows as well, at most 8 of 16 columns and 256
	// rows. It is called once a second while a page is open, on the goroutine that samples,
	// and must not block. The page keeps the slices until it has sent them. Optional.
	Sections func() []Section
	// Controls is what people who see the page may do. Optional: the page is read-only.
	Controls Controls
	// Guard decides which requests are answered.
	Guard Guard
}

// Controls are the controls of a demonstration.
type Controls interface {
	// Settings returns the controls with their present values. It is called often and
	// must not block.
	Settings() []Setting
	// Set changes the control with the given name. A value outside of its range is an
	// error, whose text the page shows.
	Set(name string, value float64) error
}

// Setting is one control: a number in a range or, if Min and Max are equal, a button.
type Setting struct {
	Name  string  `json:"name"`
	Label string  `json:"label"`
	Unit  string  `json:"unit,omitempty"`
	Min   float64 `json:"min"`
	Max   float64 `json:"max"`
	Step  float64 `json:"step"`
	Value float64 `json:"value"`
}

// Errors of New.
var (
	errNoTransport = errors.New("console: Config has neither a Transport nor a Hub with one")
	errNoConsole   = errors.New("console: the *Console is nil or zero; New returns one unless it fails")
	errNoEvents    = errors.New("console: the *Events is nil; new(Events) is ready to use")
)

func (c *Config) complete() error {
	if c.Hub != nil {
		c.Transport = c.Hub.Transport()
	}
	if c.Transport == nil {
		return errNoTransport
	}
	if c.Name == "" {
		c.Name = "transport"
		if c.Hub != nil {
			c.Name = "hub"
		}
	}
	if c.Events == nil {
		c.Events = new(Events)
	}
	if c.PeerName == nil {
		c.PeerName = func(intentra.PublicKey) string { return "" }
	}
	if err := c.Guard.Check(); err != nil {
		return fmt.Errorf("console: %w", err)
	}
	return nil
}

// nameOf returns the name of a peer and what the hub knows of it.
func (c *Config) nameOf(k intentra.PublicKey) (string, hub.PublisherStats) {
	if c.Hub != nil {
		if s, ok := c.Hub.Publisher(k); ok {
			return s.Name, s
		}
	}
	if name := c.PeerName(k); name != "" {
		return name, hub.PublisherStats{}
	}
	return k.String()[:8], hub.PublisherStats{}
}
