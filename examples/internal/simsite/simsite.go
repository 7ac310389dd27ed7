// Package simsite runs an example in the simulator, where time is virtual and the
// network has the faults of a sim.Link.
package simsite

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/hub"
	"github.com/intentra/intentra/sim"
)

// Site implements site.Site. The same seed and calls give the same run.
type Site struct {
	*sim.World
	link  sim.Link
	hub   *hub.Hub
	node  *sim.Node
	nodes map[string]*sim.Node
	list  strings.Builder
}

// New returns a site whose network is made of the given links.
func New(seed uint64, link sim.Link) (*Site, error) {
	s := &Site{World: sim.New(seed), link: link, nodes: map[string]*sim.Node{}}
	s.SetDefault(link)
	access, err := hub.ParseAccess(strings.NewReader(""))
	if err != nil {
		return nil, err
	}
	cfg := hub.Config{Access: access, Clock: s.clock()}
	cfg.Transport.Key = sha256.Sum256([]byte("hub"))
	if s.hub, err = hub.New(cfg); err != nil {
		return nil, err
	}
	if s.node, err = s.Program("hub", netip.AddrPort{}, s.hub.Config); err != nil {
		return nil, err
	}
	s.hub.Attach(s.node)
	return s, nil
}

func (s *Site) clock() hub.Clock { return hub.Clock{Now: s.Elapsed, After: s.After} }

// Join implements site.Site.
func (s *Site) Join(name string, _ bool) (*hub.Client, error) {
	key := intentra.PrivateKey(sha256.Sum256([]byte(name)))
	fmt.Fprintf(&s.list, "%s %s\n", key.Public(), name)
	access, err := hub.ParseAccess(strings.NewReader(s.list.String()))
	if err != nil {
		return nil, err
	}
	s.hub.SetAccess(access)
	cfg := hub.ClientConfig{Clock: s.clock()}
	cfg.Transport.Key = key
	client, err := hub.NewClient(cfg)
	if err != nil {
		return nil, err
	}
	if s.nodes[name], err = s.Program(name, netip.AddrPort{}, client.Config); err != nil {
		return nil, err
	}
	if err := s.nodes[name].Dial(s.node.Key()); err != nil {
		return nil, err
	}
	if _, ok := s.Until(30*time.Second, func() bool { return client.Name() != "" }); !ok {
		return nil, errors.Join(fmt.Errorf("%s does not connect", name), s.Err())
	}
	return client, nil
}

// Cut implements site.Site.
func (s *Site) Cut(name string, cut bool) {
	link := s.link
	link.Cut = cut
	s.SetLinks(s.node, s.nodes[name], link)
}

// Now implements site.Site.
func (s *Site) Now() time.Duration { return s.Elapsed() }

// Sleep implements site.Site.
func (s *Site) Sleep(d time.Duration) error { return s.Run(d) }

// Stats implements site.Site.
func (s *Site) Stats() hub.Stats { return s.hub.Stats() }

// Topics returns the topics of the hub.
func (s *Site) Topics() []hub.TopicInfo { return s.hub.Topics() }
