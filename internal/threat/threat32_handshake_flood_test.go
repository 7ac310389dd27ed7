package threat

import (
	"context"
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

// handshakeFlood is a set of dialers with allowed keys, each with its own address,
// that complete every handshake that the hub admits. Together they begin 2,000
// handshakes/s, half of them by the first dialer and the rest evenly by the others.
type handshakeFlood struct {
	s       *scene
	callers []*rawDialer
	begun   int
}

const (
	crowdSize = 20
	// workerTime is the duration of a job, as on a slow machine.
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

// tick begins two handshakes. It is called every millisecond.
func (c *handshakeFlood) tick() {
	port := 1 + c.begun/2
	c.callers[0].begin(v4(0, port))
	other := 1 + c.begun/2%(crowdSize-1)
	c.callers[other].begin(v4(other, port))
	c.begun += 2
}

// Of 2,000 handshakes/s, 200/s and a burst of 50 are admitted and completed, with an
// equal share for each address. The others wait in vain, or are refused, and are
// counted. Only the worker does public-key operations, one job after the other, and
// honest messages do not wait for it.
func TestThreat32HandshakeFlood(t *testing.T) {
	t.Run("public-key operations are in jobs", publicKeyWorkIsInJobs)
	t.Run("the loop does not wait for jobs", workerHangs)

	lasts := max(time.Duration(size(int(honestTime/time.Millisecond)))*time.Millisecond, time.Second)
	var c *handshakeFlood
	var newcomers []*newcomer
	var latest pipeline.Time // time of the latest message 2
	lag := time.Duration(0)
	s, baseline, attacked := underAttack(t, 32, func(s *scene) {
		c = newHandshakeFlood(s)
		s.hub.JobDelay = workerTime
		s.Tap(func(d sim.Datagram) (pass sim.Action) {
			if d.From == s.hub.Addr() && d.Type() == wire.TypeResponse {
				if gap := time.Duration(d.At - latest); gap < workerTime {
					s.t.Errorf("two messages 2 within %v, less than the duration of a job", gap)
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
	require.EqualValues(t, c.begun, proved, "each handshake gets its cookie")
	left := stats.Handshakes[conn.HandshakeLeft]
	waiting := uint64(stats.HandshakesWaiting)
	require.Equal(t, proved, begun+rate+address+left+waiting, "each handshake is admitted, or refused and counted, or waits, or has waited in vain")
	seconds := lasts.Seconds()
	// Those that wait when the flood ends are still served.
	all := min(lasts+2*time.Second, honestTime+time.Second).Seconds()
	require.LessOrEqual(t, float64(begun+honest), 200*all+50)
	require.GreaterOrEqual(t, float64(begun+honest), 200*seconds*0.95, "too few handshakes are admitted")
	require.Equal(t, begun, finals)
	require.Equal(t, begun, up, "each admitted handshake is completed")
	require.Zero(t, stats.Handshakes[conn.HandshakeFailed]+stats.Handshakes[conn.HandshakeTimedOut]+stats.Handshakes[conn.HandshakeEvicted])
	share := float64(begun) / crowdSize
	require.GreaterOrEqual(t, float64(least), 0.8*share, "an address got less than its share")
	require.LessOrEqual(t, float64(most), 1.25*share+25, "an address got more than its share and half of the burst")
	took := slowest(t, newcomers)
	require.LessOrEqual(t, took, time.Second)
	require.Equal(t, baseline, attacked)
	require.Equal(t, s.LinkBetween(s.peers[0], s.hub).Delay, lag, "a message waited for the worker")
	report(t, 32, "%d handshakes from %d addresses in %v: begun and completed %d, from %d to %d for each address, rate %d, address %d, waited in vain %d; newcomers up within %v; honest messages take %v, delivery %s without, %s with",
		c.begun, crowdSize, lasts, begun, least, most, rate, address, left, took, lag, percent(baseline), percent(attacked))
}

// latency returns an observer of the longest time from Send to delivery of a state.
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

// publicKeyWorkIsInJobs parses package conn. Each call of a Noise method that does a
// public-key operation must be inside the function of a Job, which the worker runs.
func publicKeyWorkIsInJobs(t *testing.T) {
	publicKeyMethods := []string{
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
			if selector, ok := n.(*ast.SelectorExpr); ok && slices.Contains(publicKeyMethods, selector.Sel.Name) {
				found++
				require.NotZero(t, inJob, "%v: %s is called outside of a job", fset.Position(n.Pos()), selector.Sel.Name)
			}
			if selector, ok := n.(*ast.SelectorExpr); ok && selector.Sel.Name == "Run" {
				require.Fail(t, "the core runs a job", fset.Position(n.Pos()))
			}
			return true
		}
		ast.Inspect(file, visit)
	}
	require.GreaterOrEqual(t, found, 2*len(publicKeyMethods), "each method is called for handshakes and for rekeys")
}

// workerHangs blocks the worker of a transport in the handshake of a newcomer. An
// established peer is not affected.
func workerHangs(t *testing.T) {
	ctx := loopback.Context(t)
	hang, hung := make(chan struct{}), make(chan struct{}, 10)
	key := loopback.Key(t)
	l := loopback.Listen(t, intentra.Config{HandshakeTimeout: loopback.Timeout, Authorize: func(_ context.Context, h intentra.Handshake) bool {
		if h.Key == key.Public() {
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
