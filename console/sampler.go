package console

import (
	"encoding/json"
	"fmt"
	"math"
	"runtime"
	"time"

	"github.com/intentra/intentra/hub"
)

// What we chose.
const (
	// period is the time between two samples.
	period = 100 * time.Millisecond
	// window is how many samples rates are measured over.
	window = 10
	// logEvery is the least time between two events about one counter.
	logEvery = 10 * time.Second
)

// sampler reads a transport. It exists while a page is open, and one goroutine uses it at
// a time. Its samples have versions from 1 on.
type sampler struct {
	cfg     *Config
	hello   hello
	version uint64
	peers   *peerBook
	topics  *topicBook
	runtime *runtimeBook
	judge   judge

	history   [window + 1]*totals // the latest at version % (window+1)
	cpu       meter
	delivery  float64               // as of the latest second
	kind      ageKind               // of the ages
	ages      ageCounts             // as of the latest second
	heat      []heatColumn          // those of this sample
	recent    [window / 2]ageCounts // of the latest seconds, for quantiles
	seconds   int
	firstMisc [6]uint64
	overflown uint64
	slow      uint64
	level     level       // of the verdict that was logged last
	logged    [4]struct { // the counters that log compares, and when each was logged
		n  uint64
		at time.Duration
	}
}

// frame is one sample as pages receive it, except for the rows of the tables.
type frame struct {
	Version uint64 `json:"n"`
	Now     int64  `json:"now"` // milliseconds since 1970
	Uptime  int64  `json:"up"`  // milliseconds
	*totals
	Connected int           `json:"connected"`
	Expected  int           `json:"expected"`
	Hidden    uint64        `json:"hidden,omitempty"` // peers and topics without a row
	Delivery  *float64      `json:"delivery"`
	Kind      ageKind       `json:"kind"` // of P50, P99 and Heat
	P50       *float64      `json:"p50"`
	P99       *float64      `json:"p99"`
	CPU       *float64      `json:"cpu"`
	Heat      []heatColumn  `json:"heat,omitempty"`
	Runtime   []runtimeItem `json:"rt,omitempty"`
	Verdict   verdict       `json:"v"`
	Broken    string        `json:"broken,omitempty"`
	Settings  []Setting     `json:"settings,omitempty"`
	Sections  []Section     `json:"sections,omitempty"`
}

// heatColumn is one second of the heat map.
type heatColumn struct {
	Counts   []uint64 `json:"c"`
	Slow     uint64   `json:"slow,omitempty"`     // slow handler calls
	Overflow uint64   `json:"overflow,omitempty"` // datagrams that the kernel dropped
}

func newSampler(cfg *Config) *sampler {
	s := &sampler{cfg: cfg, peers: newPeerBook(cfg), topics: newTopicBook(cfg.Hub), runtime: newRuntimeBook()}
	s.cpu.read = cfg.CPU
	st := cfg.Transport.Stats()
	s.hello = hello{
		Name: cfg.Name, Key: cfg.Transport.PublicKey().String(), Addr: cfg.Transport.LocalAddr().String(), Version: cfg.Version,
		Hub: cfg.Hub != nil, In: newChainPlan(&st.In), Out: newChainPlan(&st.Out), Queue: []string{},
		AgeKind: ageOfTrips, AgeLimit: ageLimit, Cores: runtime.GOMAXPROCS(0),
	}
	switch {
	case cfg.Ages != nil:
		s.hello.AgeKind = ageAtHandler
	case cfg.Hub != nil:
		s.hello.AgeKind = ageAtHub
	}
	for _, d := range st.SendDrops {
		s.hello.Queue = append(s.hello.Queue, d.Name)
	}
	if cfg.Hub != nil {
		s.hello.HubDrops = hubDropNames()
	}
	for _, b := range ageBounds {
		s.hello.Bounds = append(s.hello.Bounds, float64(b)/1e6)
	}
	if cfg.Controls != nil {
		s.hello.Controls = cfg.Controls.Settings()
	}
	return s
}

// sample takes the next sample and returns its frame, encoded, without the closing brace.
func (s *sampler) sample(now time.Duration, wall time.Time) ([]byte, error) {
	s.version++
	st := s.cfg.Transport.Stats()
	var hs *hub.Stats
	if s.cfg.Hub != nil {
		stats := s.cfg.Hub.Stats()
		hs = &stats
	}
	t := newTotals(&st, hs, now)
	s.history[s.version%(window+1)] = t
	if s.version == 1 {
		s.firstMisc = t.Misc
		s.overflown, s.slow = t.Socket[1], t.Misc[5]
	}
	if s.version%cycle == 1 {
		s.peers.begin(now, s.version)
	}
	s.peers.read(now, s.version, s.cfg.Events)
	s.topics.next(s.version, s.cfg.Events)
	s.heat = nil
	f := &frame{Version: s.version, Now: wall.UnixMilli(), Uptime: st.Uptime.Milliseconds(), totals: t, Broken: t.broken()}
	if s.version%window == 1 {
		s.second(f, t, hs)
	}
	s.fill(f, t)
	s.log(f, t)
	text, err := json.Marshal(f)
	if err != nil {
		return nil, fmt.Errorf("console: %w", err) // no value of a frame is such
	}
	return text[:len(text)-1], nil
}

// second does what is done once a second.
func (s *sampler) second(f *frame, t *totals, hs *hub.Stats) {
	f.Runtime = s.runtime.read()
	f.Sections = s.cfg.sections()
	if s.cfg.Controls != nil {
		f.Settings = s.cfg.Controls.Settings()
	}
	s.delivery = s.peers.delivery()
	kind, all := s.agesNow(hs)
	if kind != s.kind { // those of another kind do not compare
		s.kind, s.ages = kind, all
		s.recent = [window / 2]ageCounts{}
	}
	if s.version > 1 {
		grown := all.since(&s.ages)
		s.recent[s.seconds%len(s.recent)] = grown
		s.seconds++
		f.Heat = []heatColumn{{Counts: grown[:], Slow: t.Misc[5] - s.slow, Overflow: t.Socket[1] - s.overflown}}
	}
	s.ages, s.slow, s.overflown = all, t.Misc[5], t.Socket[1]
}

// agesNow returns what has been counted so far, and of which kind it is. While a hub has no
// topic with a stamp, and has passed on no update of one in the last seconds, that is round-trip
// times.
func (s *sampler) agesNow(hs *hub.Stats) (ageKind, ageCounts) {
	if s.cfg.Ages != nil {
		var all ageCounts
		copy(all[:], s.cfg.Ages())
		return ageAtHandler, all
	}
	if hs == nil {
		return ageOfTrips, s.peers.rtt
	}
	all := ageCounts(hs.Ages)
	recent := s.recentAges()
	if hs.Stamped > 0 || s.kind == ageAtHub && recent.total() > 0 {
		return ageAtHub, all
	}
	return ageOfTrips, s.peers.rtt
}

// recentAges returns the counts of the latest seconds.
func (s *sampler) recentAges() (recent ageCounts) {
	for i := range s.recent {
		for b, n := range s.recent[i] {
			recent[b] += n
		}
	}
	return recent
}

// fill computes the numbers of the head line and the verdict.
func (s *sampler) fill(f *frame, t *totals) {
	sums := &s.peers.sums
	f.Connected, f.Expected = sums.connected, sums.connected+sums.dead
	f.Hidden = s.peers.table.rejected + s.topics.table.rejected
	recent := s.recentAges()
	h := health{
		connected: sums.connected, missing: sums.dead, firstMissing: sums.firstDead,
		delivery: s.delivery, p50: recent.quantile(0.5), p99: recent.quantile(0.99), ageKind: s.kind,
		lawBroken: f.Broken, panics: t.Misc[4] - s.firstMisc[4], cores: float64(s.hello.Cores),
		fresh: s.version%window == 1,
	}
	h.cpu = s.cpu.cores(t.at)
	f.Kind = s.kind
	f.Delivery, f.P50, f.P99, f.CPU = finite(h.delivery), finite(h.p50), finite(h.p99), finite(h.cpu)
	before := s.history[(s.version+1)%(window+1)] // the oldest
	if before == nil {
		f.Verdict = verdict{Head: "Measuring", Why: "The first second is not over yet."}
		return
	}
	h.drops = dropRates(&s.hello, t, before)
	for _, d := range h.drops {
		switch {
		case d.stage == "socket" && d.reason == "overflow":
			h.overflow = d.rate
		case d.stage == "queue" && d.reason == "displaced":
			h.displaced = d.rate
		}
	}
	h.in = float64(t.In.Packets[0]-before.In.Packets[0]) / (t.at - before.at).Seconds()
	f.Verdict = s.judge.next(h, t.at)
}

// log adds events for what has changed since the sample before.
func (s *sampler) log(f *frame, t *totals) {
	log := s.cfg.Events
	if v := f.Verdict; v.Level != s.level && v.Level != levelUnknown {
		if s.level != levelUnknown || v.Level != levelGood {
			log.add(v.Level.String(), v.Head, map[level]string{levelWarning: "w", levelBad: "b", levelGood: "a"}[v.Level])
		}
		s.level = v.Level
	}
	for i, c := range []struct {
		n                uint64
		kind, text, tone string
	}{
		{t.Misc[1], "strike", "violations by authenticated peers: %d", "w"},
		{t.Misc[4], "panic", "recovered in stages or callbacks: %d", "b"},
		{t.Misc[5], "slow", "handler calls longer than 1 ms: %d", ""},
		{t.Socket[1], "overflow", "datagrams dropped by the kernel: %d", "w"},
	} {
		old := &s.logged[i]
		switch {
		case s.version == 1:
			old.n = c.n
		case c.n > old.n && (old.at == 0 || t.at-old.at >= logEvery):
			log.add(c.kind, fmt.Sprintf(c.text, c.n-old.n), c.tone)
			old.n, old.at = c.n, t.at
		}
	}
}

// finite returns nil for NaN, which JSON does not have.
func finite(v float64) *float64 {
	if math.IsNaN(v) {
		return nil
	}
	return &v
}

// meter turns processor time into the number of busy cores.
type meter struct {
	read     func() (time.Duration, error)
	used, at time.Duration
	last     float64
}

// cores returns the average of about the last second.
func (m *meter) cores(now time.Duration) float64 {
	if m.read == nil {
		return math.NaN()
	}
	if m.at != 0 && now-m.at < time.Second {
		return m.last
	}
	used, err := m.read()
	if err != nil {
		return math.NaN()
	}
	m.last = math.NaN()
	if m.at != 0 {
		m.last = (used - m.used).Seconds() / (now - m.at).Seconds()
	}
	m.used, m.at = used, max(now, 1)
	return m.last
}
