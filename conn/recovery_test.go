package conn_test

import (
	"context"
	"go/ast"
	"go/parser"
	"go/token"
	"log/slog"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/stages"
	"github.com/intentra/intentra/stages/ack"
	"github.com/intentra/intentra/stages/pack"
	"github.com/intentra/intentra/wire"
)

// trap panics in the first calls of one method of the user's code.
type trap struct {
	method string // as Interface.Method, or the name of a field
	left   int
	fired  int
	during func() // called before each panic; may be nil
}

func (t *trap) at(method string) {
	if t.method != method || t.left == 0 {
		return
	}
	t.left--
	t.fired++
	if t.during != nil {
		t.during()
	}
	panic(method)
}

// trapped is a stage that implements all interfaces that do not give a stage a
// certain place in its chain. It passes everything on.
type trapped struct{ *trap }

func (s trapped) Name() string      { s.at("Stage.Name"); return "trapped" }
func (s trapped) Reasons() []string { s.at("Stage.Reasons"); return nil }
func (s trapped) Process(*pipeline.Packet) pipeline.Verdict {
	s.at("Stage.Process")
	return pipeline.Accept
}
func (s trapped) Settle(*pipeline.Packet, pipeline.Verdict) { s.at("Settler.Settle") }
func (s trapped) ReadsPlaintext() bool                      { s.at("PlaintextReader.ReadsPlaintext"); return true }
func (s trapped) Guards() string                            { s.at("Guard.Guards"); return "nothing" }
func (s trapped) PeerOpened(pipeline.PeerNotice)            { s.at("PeerObserver.PeerOpened") }
func (s trapped) PeerClosed(pipeline.PeerNotice)            { s.at("PeerObserver.PeerClosed") }
func (s trapped) SessionOpened(pipeline.SessionNotice)      { s.at("SessionObserver.SessionOpened") }
func (s trapped) SessionClosed(pipeline.SessionNotice)      { s.at("SessionObserver.SessionClosed") }
func (s trapped) EpochOpened(pipeline.EpochNotice)          { s.at("EpochObserver.EpochOpened") }
func (s trapped) EpochClosed(pipeline.EpochNotice)          { s.at("EpochObserver.EpochClosed") }
func (s trapped) Warm(_, _ pipeline.ID, _ uint64) uint64    { s.at("Warmer.Warm"); return 0 }

// trappedGrower is a stage for outbound messages.
type trappedGrower struct {
	pipeline.Stage
	*trap
}

func (s trappedGrower) MaxGrowth() int { s.at("Grower.MaxGrowth"); return 0 }

type trappedSplitter struct {
	*ack.Stage
	*trap
}

func (s trappedSplitter) Next(p *pipeline.Packet) (pipeline.Verdict, bool) {
	s.at("Splitter.Next")
	return s.Stage.Next(p)
}

type trappedPacker struct {
	pipeline.Packer
	*trap
}

func (s trappedPacker) Size(p *pipeline.Packet) int {
	s.at("Packer.Size")
	return s.Packer.Size(p)
}

func (s trappedPacker) Process(p *pipeline.Packet) pipeline.Verdict {
	s.at("Stage.Process of a packer")
	return s.Packer.Process(p)
}

// places puts the trap into chains, by the name of the stage that holds it.
var places = map[string]func(s *stages.Set, t *trap){
	"trapped": func(s *stages.Set, t *trap) { s.InsertAfter("replay", trapped{t}) },
	"trapped_message": func(s *stages.Set, t *trap) {
		s.Outbound.InsertBefore("pack", trappedGrower{pipeline.Func("trapped_message", nil, func(*pipeline.Packet) pipeline.Verdict {
			t.at("Stage.Process of an outbound message stage")
			return pipeline.Accept
		}), t})
	},
	"ack":  func(s *stages.Set, t *trap) { s.Replace("ack", trappedSplitter{s.Ack, t}) },
	"pack": func(s *stages.Set, t *trap) { s.Outbound.Replace("pack", trappedPacker{pack.New(), t}) },
}

// trapCases are the methods by the stage whose panics the chain must recover from.
// asked methods are called when the stage is handed to a Builder.
var trapCases = []struct {
	place   string
	asked   bool
	methods []string
}{
	{"trapped", true, []string{"Stage.Name", "Stage.Reasons", "PlaintextReader.ReadsPlaintext", "Guard.Guards"}},
	{"trapped", false, []string{
		"Stage.Process", "Settler.Settle", "PeerObserver.PeerOpened", "PeerObserver.PeerClosed", "SessionObserver.SessionOpened",
		"SessionObserver.SessionClosed", "EpochObserver.EpochOpened", "EpochObserver.EpochClosed", "Warmer.Warm",
	}},
	{"trapped_message", true, []string{"Grower.MaxGrowth"}},
	{"trapped_message", false, []string{"Stage.Process of an outbound message stage"}},
	{"ack", false, []string{"Splitter.Next"}},
	{"pack", false, []string{"Packer.Size", "Stage.Process of a packer"}},
}

// markers are methods that only mark a stage and are never called.
var markers = []string{"Opener.OpensPlaintext", "Sealer.SealsPlaintext"}

// TestPanicTestCoversEveryInterface fails if package pipeline has an interface
// method that TestPanicsInStages does not make panic.
func TestPanicTestCoversEveryInterface(t *testing.T) {
	covered := slices.Clone(markers)
	for _, c := range trapCases {
		covered = append(covered, c.methods...)
	}
	for _, method := range interfaceMethods(t, "../pipeline") {
		require.Contains(t, covered, method, "add it to trapCases")
	}
}

// interfaceMethods returns the methods of the exported interfaces of a package,
// as Interface.Method, but for those of pipeline.Chain, which a stage cannot
// implement.
func interfaceMethods(t *testing.T, dir string) (methods []string) {
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	require.NoError(t, err)
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		require.NoError(t, err)
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok || !spec.Name.IsExported() || spec.Name.Name == "Chain" {
				return true
			}
			if i, ok := spec.Type.(*ast.InterfaceType); ok {
				for _, m := range i.Methods.List {
					for _, name := range m.Names {
						methods = append(methods, spec.Name.Name+"."+name.Name)
					}
				}
			}
			return true
		})
	}
	require.Greater(t, len(methods), 15)
	return methods
}

// A panic in any method of a stage loses at most the current packet or message, is counted under
// the stage, and happens without a lock: the stage can use the send queue.
func TestPanicsInStages(t *testing.T) {
	for _, c := range trapCases {
		for _, method := range c.methods {
			t.Run(method, func(t *testing.T) {
				trap := &trap{method: method, left: 3}
				s := newScenario(t, func(cfg *conn.Config) {
					cfg.Stages = func(s *stages.Set) error { places[c.place](s, trap); return nil }
				})
				if c.asked {
					require.ErrorIs(t, s.err, pipeline.ErrStage)
					require.ErrorContains(t, s.err, strings.Split(method, ".")[1]+" panicked")
					return
				}
				require.NoError(t, s.err)
				trap.during = func() {
					if s.toHub != nil {
						s.toHub.Push(&conn.Message{Channel: 9, Intent: pipeline.Realtime, Payload: []byte("pushed by a stage")})
					}
				}
				s.run()
				require.Positive(t, trap.fired, "the method was not called")
				require.EqualValues(t, trap.fired, s.user.ep.Stats().Panics)
				require.EqualValues(t, trap.fired, s.counted(c.place))
			})
		}
	}
}

// scenario is a user with a Config under test and a hub, which the user dials.
type scenario struct {
	t         *testing.T
	user, hub *side
	err       error // of conn.New
	toHub     *conn.Peer
	now       pipeline.Time
	received  map[string]int
	flood     bool // the user's queue needs more memory than it has
}

func newScenario(t *testing.T, change func(*conn.Config)) *scenario {
	s := &scenario{t: t, now: 1e9, received: map[string]int{}}
	config := func(name string) conn.Config {
		return conn.Config{
			Authorize: func(context.Context, conn.Handshake) bool { return true },
			Deliver: func(_ *conn.Peer, p *pipeline.Packet) bool {
				s.received[name+" "+string(p.Payload())]++
				return true
			},
		}
	}
	var err error
	s.hub, err = newSide("", "10.0.0.1:4000", config("hub"))
	require.NoError(t, err)
	cfg := config("user")
	change(&cfg)
	s.user, s.err = newSide("", "10.0.0.2:4000", cfg)
	s.user.peer, s.hub.peer = s.hub.addr, s.user.addr
	return s
}

// run connects both sides twice, once as the user dials and once as the hub does;
// each time messages go both ways and the peers forget each other. The messages of
// the last connection must arrive: whatever has panicked before has left both
// sides in good order.
func (s *scenario) run() {
	s.connect(s.user, s.hub)
	s.connect(s.hub, s.user)
	s.connect(s.user, s.hub)
	for _, text := range []string{"hub last realtime", "hub last latest", "hub last reliable", "user last realtime", "user last latest", "user last reliable"} {
		require.Equal(s.t, 1, s.received[text], text)
	}
}

func (s *scenario) connect(dialer, other *side) {
	clear(s.received)
	var p *conn.Peer
	for tries := 0; p == nil || !p.Connected(); tries++ {
		require.Less(s.t, tries, 5, "no connection")
		var err error
		p, err = dialer.ep.Dial(other.key, s.now)
		require.NoError(s.t, err)
		s.toHub = p
		s.now = exchange(dialer, other, s.now, s.now+10e9, func() bool {
			q := other.ep.Peer(dialer.key)
			return p.Connected() && q != nil && q.Connected()
		})
	}
	back := other.ep.Peer(dialer.key)
	if dialer == s.hub {
		s.toHub = back
	}
	s.user.ep.HandleDatagram(wire.Datagram{Data: []byte("no packet"), Addr: s.hub.addr}, s.now)
	for range 600 {
		if s.flood {
			p.Push(&conn.Message{Channel: 9, Intent: pipeline.Realtime, Payload: make([]byte, 400)})
		}
	}
	for _, word := range []string{"first", "second", "third", "fourth", "last"} {
		for _, intent := range []pipeline.Intent{pipeline.Realtime, pipeline.Latest, pipeline.Reliable} {
			text := []byte(word + " " + intent.String())
			for _, to := range []struct {
				side *side
				peer *conn.Peer
			}{{dialer, p}, {other, back}} {
				if _, wake := to.peer.Push(&conn.Message{Channel: uint32(intent), Intent: intent, Payload: text}); wake {
					to.side.ep.MarkReady(to.peer)
				}
			}
		}
		for _, peer := range []*conn.Peer{p, back} { // a notice for the other side
			peer.Push(&conn.Message{Channel: 9, Intent: pipeline.Reliable, Token: 1, Sent: 1, Expires: 1})
		}
		datagrams := s.hub.turn(s.now)
		s.user.ep.Warm(datagrams)
		for _, d := range datagrams {
			s.user.ep.HandleDatagram(wire.Datagram{Data: d.Data, Addr: s.hub.addr}, s.now)
		}
		s.now = exchange(dialer, other, s.now, s.now+2e9, func() bool { return false })
	}
	dialer.ep.ClosePeer(p, wire.CloseNormal, s.now)
	s.now = exchange(dialer, other, s.now, s.now+200e9, func() bool { return false })
	require.Nil(s.t, s.user.ep.Peer(s.hub.key), "the peer is not forgotten")
}

// counted returns the panics and faults that the user's chains have counted under
// a stage.
func (s *scenario) counted(stage string) (n uint64) {
	for _, c := range []pipeline.Chain{s.user.ep.Inbound(), s.user.ep.Outbound()} {
		c.Publish()
		counts := c.Counts()
		for _, d := range counts.Drops {
			if d.Stage == stage && d.Reason == "panic" {
				n += d.Packets + d.Messages
			}
		}
		for _, f := range counts.Faults {
			if f.Stage == stage {
				n += f.Count
			}
		}
	}
	return n
}

// A panic in any function of the Config is counted, and both sides go on. The
// functions are found by reflection: a later one is tested as it is added.
func TestPanicsInCallbacks(t *testing.T) {
	fields := functionFields(reflect.TypeFor[conn.Config](), "")
	require.Contains(t, slices.Collect(maps.Keys(fields)), "Authorize")
	for name, index := range fields {
		if strings.HasPrefix(name, "Chains.") {
			continue // see TestChainsCallbacksAreOurs
		}
		t.Run(name, func(t *testing.T) {
			trap := &trap{method: name, left: 3}
			s := newScenario(t, func(cfg *conn.Config) {
				f := reflect.ValueOf(cfg).Elem().FieldByIndex(index)
				f.Set(trapFunction(trap, f))
				if name == "Journal.Displaced" {
					cfg.SendMemory = 256 << 10
				}
			})
			if name == "Stages" {
				require.ErrorContains(t, s.err, "Stages panicked")
				return
			}
			require.NoError(t, s.err)
			s.flood = name == "Journal.Displaced"
			s.run()
			require.Positive(t, trap.fired, "the function was not called")
			require.EqualValues(t, trap.fired, s.user.ep.Stats().Panics)
		})
	}
}

// functionFields returns the fields of a struct type and of the structs in it that
// hold functions, by their path.
func functionFields(s reflect.Type, prefix string) map[string][]int {
	found := map[string][]int{}
	for i := range s.NumField() {
		f := s.Field(i)
		switch {
		case f.Type.Kind() == reflect.Func:
			found[prefix+f.Name] = []int{i}
		case f.Type.Kind() == reflect.Struct && f.IsExported():
			for name, index := range functionFields(f.Type, prefix+f.Name+".") {
				found[name] = append([]int{i}, index...)
			}
		}
	}
	return found
}

// trapFunction returns a function for the field f that panics as t says, and then
// does what f did. Without such a function its results are true or zero.
func trapFunction(t *trap, f reflect.Value) reflect.Value {
	was := reflect.ValueOf(f.Interface())
	return reflect.MakeFunc(f.Type(), func(args []reflect.Value) (results []reflect.Value) {
		t.at(t.method)
		if !was.IsNil() {
			return was.Call(args)
		}
		for i := range f.Type().NumOut() {
			v := reflect.New(f.Type().Out(i)).Elem()
			if v.Kind() == reflect.Bool {
				v.SetBool(true)
			}
			results = append(results, v)
		}
		return results
	})
}

// The callbacks of the stages' configurations are the endpoint's own: functions
// set there are never called.
func TestChainsCallbacksAreOurs(t *testing.T) {
	var traps []*trap
	s := newScenario(t, func(cfg *conn.Config) {
		for name, index := range functionFields(reflect.TypeFor[conn.Config](), "") {
			if strings.HasPrefix(name, "Chains.") {
				trap := &trap{method: name, left: 1}
				f := reflect.ValueOf(cfg).Elem().FieldByIndex(index)
				f.Set(trapFunction(trap, f))
				traps = append(traps, trap)
			}
		}
	})
	require.NoError(t, s.err)
	s.run()
	require.NotEmpty(t, traps)
	for _, trap := range traps {
		require.Zero(t, trap.fired, trap.method)
	}
}

// panickingHandler is a log handler that fails at each record.
type panickingHandler struct{}

func (panickingHandler) Enabled(context.Context, slog.Level) bool  { return true }
func (panickingHandler) Handle(context.Context, slog.Record) error { panic("Handle") }
func (panickingHandler) WithAttrs([]slog.Attr) slog.Handler        { panic("WithAttrs") }
func (panickingHandler) WithGroup(string) slog.Handler             { panic("WithGroup") }

func TestPanicsInLogger(t *testing.T) {
	s := newScenario(t, func(cfg *conn.Config) { cfg.Logger = slog.New(panickingHandler{}) })
	require.NoError(t, s.err)
	s.run()
	require.Positive(t, s.user.ep.Stats().Panics)
}

// keys is a stage that keeps the keys of the peers that are known.
type keys struct {
	pipeline.Stage
	known pipeline.Slots[[conn.KeySize]byte]
	open  int
}

func (s *keys) PeerOpened(n pipeline.PeerNotice) { *s.known.Open(n.Peer) = n.Key; s.open++ }

func (s *keys) PeerClosed(n pipeline.PeerNotice) {
	if k := s.known.Get(n.Peer); k != nil && *k == n.Key {
		s.open--
	}
}

// A stage learns the key of each peer, and with it whose packets it processes.
func TestStagesLearnPeersKeys(t *testing.T) {
	learned := new(keys)
	var from [conn.KeySize]byte
	learned.Stage = pipeline.Func("keys", nil, func(p *pipeline.Packet) pipeline.Verdict {
		from = *learned.known.Get(p.Peer)
		return pipeline.Accept
	})
	s := newScenario(t, func(cfg *conn.Config) {
		cfg.Stages = func(set *stages.Set) error { set.InsertAfter("ack", learned); return nil }
	})
	require.NoError(t, s.err)
	s.run()
	require.Equal(t, s.hub.key, from)
	require.Zero(t, learned.open, "each peer that was opened was closed with the same key")
}
