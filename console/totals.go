package console

import (
	"crypto/rand"
	"sync"
	"time"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/hub"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/stages"
)

// totals are the counters of a transport and its hub at one moment, in the form in which
// a page receives them. All of them are counted since the transport was opened.
type totals struct {
	In  chainTotals `json:"in"`
	Out chainTotals `json:"out"`
	// Socket: datagrams read, lost in the kernel, lost while reading; datagrams sent, lost
	// while writing, refused; bytes in and out; write calls.
	Socket [9]uint64 `json:"sock"`
	// Queue: superseded messages, then [intentra.Stats].SendDrops in the order of hello.
	Queue []uint64 `json:"queue"`
	// App: messages overwritten before the program received them.
	App uint64 `json:"app"`
	// Hub: updates received, sent, cached, refused, filtered, conflated, missed; control
	// messages; then the drops in the order of hello. Missing without a hub.
	Hub []uint64 `json:"hub,omitempty"`
	// Misc: rekeys, strikes, roams, takeovers, panics, slow handler calls.
	Misc [6]uint64 `json:"misc"`
	// Sizes: sessions, peers, queued bytes, reorder bytes, topics, subscriptions.
	Sizes [6]int `json:"sizes"`

	at time.Duration
}

// chainTotals are the counters of one direction.
type chainTotals struct {
	// Packets and Messages are in, accepted, consumed.
	Packets  [3]uint64 `json:"p"`
	Messages [3]uint64 `json:"m"`
	// Drops and Consumed have a triple for each row that is not zero: its number, packets,
	// messages. The rows are those of hello.
	Drops    [][3]uint64 `json:"d"`
	Consumed [][3]uint64 `json:"c"`
}

func newChainTotals(c *pipeline.Counts) chainTotals {
	t := chainTotals{
		Packets:  [3]uint64{c.Packets.In, c.Packets.Accepted, c.Packets.Consumed},
		Messages: [3]uint64{c.Messages.In, c.Messages.Accepted, c.Messages.Consumed},
		Drops:    [][3]uint64{}, Consumed: [][3]uint64{},
	}
	for i, d := range c.Drops {
		if d.Packets != 0 || d.Messages != 0 {
			t.Drops = append(t.Drops, [3]uint64{uint64(i), d.Packets, d.Messages})
		}
	}
	for i, d := range c.Consumed {
		if d.Packets != 0 || d.Messages != 0 {
			t.Consumed = append(t.Consumed, [3]uint64{uint64(i), d.Packets, d.Messages})
		}
	}
	return t
}

// broken names the level at which in is not accepted + consumed + drops, or is empty.
func (t *chainTotals) broken() string {
	var packets, messages uint64
	for _, d := range t.Drops {
		packets, messages = packets+d[1], messages+d[2]
	}
	switch {
	case t.Packets[0] != t.Packets[1]+t.Packets[2]+packets:
		return "packets"
	case t.Messages[0] != t.Messages[1]+t.Messages[2]+messages:
		return "messages"
	}
	return ""
}

// broken names the chain and level at which the law does not hold, or is empty.
func (t *totals) broken() string {
	if level := t.In.broken(); level != "" {
		return level + " in"
	}
	if level := t.Out.broken(); level != "" {
		return level + " out"
	}
	return ""
}

func newTotals(s *intentra.Stats, h *hub.Stats, now time.Duration) *totals {
	t := &totals{
		In: newChainTotals(&s.In), Out: newChainTotals(&s.Out), at: now,
		Socket: [9]uint64{
			s.Socket.Received, s.Socket.Overflowed, s.Socket.ReadLoss.Total(), s.Socket.Sent, s.Socket.WriteLoss.Total(), s.Refused,
			s.BytesIn, s.BytesOut, s.Socket.WriteCalls,
		},
		Queue: []uint64{s.Superseded}, App: s.ReceiveDrops,
		Misc:  [6]uint64{s.Rekeys, s.Strikes, s.Roams, s.Takeovers, s.Panics, s.SlowHandlerCalls},
		Sizes: [6]int{s.Sessions, s.Peers, s.QueueBytes, s.ReorderBytes},
	}
	for _, d := range s.SendDrops {
		t.Queue = append(t.Queue, d.Count)
	}
	if h == nil {
		return t
	}
	control := uint64(0)
	for _, n := range h.Requests {
		control += n
	}
	t.Hub = []uint64{h.Received, h.Sent, h.Cached, h.Refused, h.Filtered, h.Conflated, h.Missed, control}
	t.Hub = append(t.Hub, h.Drops[:]...)
	t.Sizes[4], t.Sizes[5] = h.Topics, h.Subscriptions
	t.Misc[4] += h.Panics
	return t
}

// hello is the first message to a page: what does not change.
type hello struct {
	Name     string    `json:"name"`
	Key      string    `json:"key"`
	Addr     string    `json:"addr"`
	Version  string    `json:"version,omitempty"`
	Hub      bool      `json:"hub"`
	In       chainPlan `json:"in"`
	Out      chainPlan `json:"out"`
	Queue    []string  `json:"queue"` // names of the rows after the first
	HubDrops []string  `json:"hubDrops,omitempty"`
	AgeKind  ageKind   `json:"ageKind"` // of a hub: ageAtHub, also while it shows ageOfTrips
	AgeLimit float64   `json:"ageLimit"`
	Bounds   []float64 `json:"bounds"` // of the ages, in ms
	Cores    int       `json:"cores"`
	Controls []Setting `json:"controls,omitempty"`
}

// chainPlan names the stages and drops of one direction.
type chainPlan struct {
	Stages []string    `json:"stages"`
	Drops  [][2]string `json:"drops"`
	Custom []bool      `json:"custom"`
}

// standard returns the names of the stages that every transport has. All others are the
// program's own.
var standard = sync.OnceValue(func() map[string]bool {
	cfg := stages.Config{}
	cfg.Cookie.Rand = rand.Reader
	names := map[string]bool{}
	set, err := stages.Default(cfg)
	if err != nil {
		return names // unreachable: the default configuration is valid
	}
	in, err := set.Build()
	if err != nil {
		return names // unreachable, like this one
	}
	out, err := set.Outbound.Build()
	if err != nil {
		return names
	}
	for _, c := range []pipeline.Chain{in, out} {
		for _, s := range c.Stages() {
			names[s.Name()] = true
		}
	}
	return names
})

func newChainPlan(c *pipeline.Counts) chainPlan {
	p, standard := chainPlan{Drops: [][2]string{}}, standard()
	for _, s := range c.Consumed {
		p.Stages = append(p.Stages, s.Stage)
		p.Custom = append(p.Custom, !standard[s.Stage])
	}
	for _, d := range c.Drops {
		p.Drops = append(p.Drops, [2]string{d.Stage, d.Reason})
	}
	return p
}

// dropRates returns the rates of the drops between two moments.
func dropRates(plan *hello, now, before *totals) (rates []dropRate) {
	span := (now.at - before.at).Seconds()
	if span <= 0 {
		return nil
	}
	add := func(stage, reason string, n, old uint64) {
		if n > old {
			rates = append(rates, dropRate{stage, reason, float64(n-old) / span})
		}
	}
	chain := func(p *chainPlan, n, old *chainTotals) {
		earlier := map[uint64]uint64{}
		for _, d := range old.Drops {
			earlier[d[0]] = d[1] + d[2]
		}
		for _, d := range n.Drops {
			label := p.Drops[d[0]]
			add(label[0], label[1], d[1]+d[2], earlier[d[0]])
		}
	}
	chain(&plan.In, &now.In, &before.In)
	chain(&plan.Out, &now.Out, &before.Out)
	add("socket", "overflow", now.Socket[1], before.Socket[1])
	add("socket", "read_loss", now.Socket[2], before.Socket[2])
	add("socket", "write_loss", now.Socket[4], before.Socket[4])
	for i, name := range plan.Queue {
		add("queue", name, now.Queue[i+1], before.Queue[i+1])
	}
	for i, name := range plan.HubDrops {
		add("hub", name, now.Hub[firstHubDrop+i], before.Hub[firstHubDrop+i])
	}
	return rates
}

// firstHubDrop is the position of the first drop in totals.Hub.
const firstHubDrop = 8

// hubDropNames returns the names of the drops in totals.Hub.
func hubDropNames() (names []string) {
	for i := range (hub.Stats{}).Drops {
		names = append(names, hub.DropReason(i).String())
	}
	return names
}
