package threat

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/internal/loopback"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/sim"
	"github.com/intentra/intentra/wire"
)

// handshakeFlood is callers with keys that are allowed, each at an address of its own,
// which complete every handshake that the hub begins with them. Together they
// ask for 2,000 a second: the first for half of that, the others alike.
type handshakeFlood struct {
	s       *scene
	callers []*rawDialer
	begun   int
}

const (
	crowdSize = 20
	// workerTime is what the hub's worker takes for a job, as on a slow machine.
	workerTime = 500 * time.Microsecond
)

func newHandshakeFlood(s *scene) *handshakeFlood {
	c := &handshakeFlood{s: s}
	for i := range crowdSize {
		one := newRawDialer(s, byte(i+1))
		one.complete = true
		c.callers = append(c.callers, one)
	}
	return c
}

// tick begins two handshakes: call it each millisecond.
func (c *handshakeFlood) tick() {
	port := 1 + c.begun/2
	c.callers[0].begin(v4(0, port))
	other := 1 + c.begun/2%(crowdSize-1)
	c.callers[other].begin(v4(other, port))
	c.begun += 2
}

// Of 2,000 handshakes/s, each of which is completed if it is begun, 200/s are
// and a burst of 50, an equal part for each address that asks; the others are
// counted. No public-key work is done but by the worker, one job after the
// other, and what the honest peers say waits for none of it.
func TestThreat32HandshakeFlood(t *testing.T) {
	t.Run("the loop's code", publicKeyWorkIsInJobs)
	t.Run("a worker that hangs", workerHangs)

	lasts := max(time.Duration(size(int(honestTime/time.Millisecond)))*time.Millisecond, time.Second)
	var c *handshakeFlood
	var newcomers []*newcomer
	var latest pipeline.Time // when the last result of the worker left
	lag := time.Duration(0)
	s, baseline, attacked := underAttack(t, 32, func(s *scene) {
		c = newHandshakeFlood(s)
		s.hub.JobDelay = workerTime
		s.Tap(func(d sim.Datagram) (pass sim.Action) {
			if d.From == s.hub.Addr() && d.Type() == wire.TypeResponse {
				if gap := time.Duration(d.At - latest); gap < workerTime {
					s.t.Errorf("two messages 2 within %v", gap)
				}
				latest = d.At
			}
			return pass
		})
		s.Observe(latency(&lag))
		stop := s.Every(time.Millisecond, c.tick)
		s.After(lasts+time.Millisecond/2, stop)
		for i := range 5 {
			s.After(lasts*time.Duration(i+1)/6, func() {
				newcomers = append(newcomers, s.arrive(fmt.Sprintf("newcomer%d", i), netip.AddrPort{}))
			})
		}
	})
	stats := s.hub.Stats()
	honest := uint64(len(s.peers) + len(newcomers))
	begun := stats.Handshakes[conn.HandshakeStarted] - honest
	rate, address := stats.Handshakes[conn.HandshakeRate], stats.Handshakes[conn.HandshakeAddress]
	proved, finals, up := uint64(0), uint64(0), uint64(0)
	least, most := uint64(1<<63), uint64(0)
	for _, one := range c.callers {
		proved, finals, up = proved+one.proved, finals+one.finals, up+one.up
		least, most = min(least, one.up), max(most, one.up)
	}
	require.Equal(t, 2*int(lasts/time.Millisecond), c.begun)
	require.EqualValues(t, c.begun, proved, "all have the cookie")
	require.Equal(t, proved, begun+rate+address, "begun, or refused and counted")
	seconds := lasts.Seconds()
	require.LessOrEqual(t, float64(begun+honest), 200*seconds+50)
	require.GreaterOrEqual(t, float64(begun+honest), 200*seconds*0.95, "nothing of it is wasted")
	require.Equal(t, begun, finals)
	require.Equal(t, begun, up, "what is begun is completed")
	require.Zero(t, stats.Handshakes[conn.HandshakeFailed]+stats.Handshakes[conn.HandshakeTimedOut]+stats.Handshakes[conn.HandshakeEvicted])
	share := float64(begun) / crowdSize
	require.GreaterOrEqual(t, float64(least), 0.8*share, "an equal part for each")
	require.LessOrEqual(t, float64(most), 1.25*share+25, "and half of the burst, for who comes first")
	took := slowest(t, newcomers)
	require.LessOrEqual(t, took, time.Second)
	require.Equal(t, baseline, attacked)
	require.Equal(t, s.LinkBetween(s.peers[0], s.hub).Delay, lag, "no message has waited for the worker")
	report(t, 32, "%d handshakes from %d addresses in %v: begun and completed %d, from %d to %d for each address, rate %d, address %d; newcomers up within %v; honest messages take %v, delivery %s without, %s with",
		c.begun, crowdSize, lasts, begun, least, most, rate, address, took, lag, percent(baseline), percent(attacked))
}

// latency observes the longest time from Send to delivery of an honest state.
func latency(longest *time.Duration) sim.Observer {
	sent := map[string]pipeline.Time{}
	name := func(from intentra.PublicKey, m intentra.Message) string { return string(from[:]) + string(m.Payload) }
	return sim.Observer{
		Sent: func(from *sim.Node, _ intentra.PublicKey, m intentra.Message, _ intentra.SendResult) {
			sent[name(from.Key(), m)] = from.World().Now()
		},
		Delivered: func(to *sim.Node, from intentra.PublicKey, m intentra.Message) {
			*longest = max(*longest, time.Duration(to.World().Now()-sent[name(from, m)]))
		},
	}
}

// publicKeyWorkIsInJobs reads the core: each call of the handshake machine that
// multiplies is inside the function of a Job, which the worker runs.
func publicKeyWorkIsInJobs(t *testing.T) {
	multiplies := []string{
		"NewInitiator", "WriteInit", "ReadResponse", "WriteFinal", "NewResponder", "ReadInit", "WriteResponse", "ReadFinal",
	}
	files, err := filepath.Glob("../../conn/*.go")
	require.NoError(t, err)
	fset, found := token.NewFileSet(), 0
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(fset, name, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		inJob := 0
		var visit func(n ast.Node) bool
		visit = func(n ast.Node) bool {
			if field, ok := n.(*ast.KeyValueExpr); ok {
				if key, ok := field.Key.(*ast.Ident); ok && key.Name == "work" {
					inJob++
					ast.Inspect(field.Value, visit)
					inJob--
					return false
				}
			}
			if selector, ok := n.(*ast.SelectorExpr); ok && slices.Contains(multiplies, selector.Sel.Name) {
				found++
				require.NotZero(t, inJob, "%v: %s outside of a job", fset.Position(n.Pos()), selector.Sel.Name)
			}
			if selector, ok := n.(*ast.SelectorExpr); ok && selector.Sel.Name == "Run" {
				require.Fail(t, "the core runs a job itself", fset.Position(n.Pos()))
			}
			return true
		}
		ast.Inspect(file, visit)
	}
	require.GreaterOrEqual(t, found, 2*len(multiplies), "the handshake's and the rekey's")
}

// workerHangs has a newcomer's handshake stay with the worker of a real
// transport: an established peer notices nothing.
func workerHangs(t *testing.T) {
	ctx := loopback.Context(t)
	hang, hung := make(chan struct{}), make(chan struct{}, 10)
	key := loopback.Key(t)
	l := loopback.Listen(t, intentra.Config{HandshakeTimeout: loopback.Timeout, Authorize: func(k intentra.PublicKey) bool {
		if k == key.Public() {
			hung <- struct{}{}
			<-hang
		}
		return true
	}})
	p := loopback.Dial(t, l, intentra.Config{})
	dialled := make(chan error, 1)
	go func() {
		late, err := intentra.Dial(ctx, l.LocalAddr().String(), l.PublicKey(), intentra.Config{Key: key, HandshakeTimeout: loopback.Timeout})
		if err == nil {
			defer func() { _ = late.Transport().Close() }()
		}
		dialled <- err
	}()
	loopback.Next(t, ctx, hung)
	require.Equal(t, 100, stream(t, ctx, p, 100, peerOf(t, ctx, l, p).Receive))
	close(hang)
	require.NoError(t, loopback.Next(t, ctx, dialled))
}
