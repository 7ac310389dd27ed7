package policy

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/console"
	"github.com/intentra/intentra/hub"
	"github.com/intentra/intentra/internal/loopback"
	"github.com/intentra/intentra/metrics"
	"github.com/intentra/intentra/recording"
	"github.com/intentra/intentra/sim"
	"github.com/intentra/intentra/sim/script"
)

// nilPackages are the packages that programs use.
var nilPackages = []string{"intentra", "conn", "recording", "metrics", "hub", "console", "sim", "sim/script"}

// nilTypes has the types with methods, each as a nil pointer.
var nilTypes = map[string]any{
	"intentra.AllowList":     (*intentra.AllowList)(nil),
	"intentra.ClosedError":   (*intentra.ClosedError)(nil),
	"intentra.Config":        (*intentra.Config)(nil),
	"intentra.Peer":          (*intentra.Peer)(nil),
	"intentra.PeerEvent":     (*intentra.PeerEvent)(nil),
	"intentra.PeerEventKind": (*intentra.PeerEventKind)(nil),
	"intentra.PrivateKey":    (*intentra.PrivateKey)(nil),
	"intentra.PublicKey":     (*intentra.PublicKey)(nil),
	"intentra.SendStatus":    (*intentra.SendStatus)(nil),
	"intentra.Transport":     (*intentra.Transport)(nil),

	"conn.Config":      (*conn.Config)(nil),
	"conn.Fate":        (*conn.Fate)(nil),
	"conn.ConfigError": (*conn.ConfigError)(nil),
	"conn.Endpoint":    (*conn.Endpoint)(nil),
	"conn.Identity":    (*conn.Identity)(nil),
	"conn.Job":         (*conn.Job)(nil),
	"conn.Outcome":     (*conn.Outcome)(nil),
	"conn.Payload":     (*conn.Payload)(nil),
	"conn.Peer":        (*conn.Peer)(nil),
	"conn.PushResult":  (*conn.PushResult)(nil),
	"conn.Stats":       (*conn.Stats)(nil),

	"recording.Reader": (*recording.Reader)(nil),
	"recording.Writer": (*recording.Writer)(nil),

	"hub.Access":        (*hub.Access)(nil),
	"hub.Client":        (*hub.Client)(nil),
	"hub.DropReason":    (*hub.DropReason)(nil),
	"hub.Hub":           (*hub.Hub)(nil),
	"hub.MissedError":   (*hub.MissedError)(nil),
	"hub.Pattern":       (*hub.Pattern)(nil),
	"hub.Publication":   (*hub.Publication)(nil),
	"hub.Remote":        (*hub.Remote)(nil),
	"hub.RequestError":  (*hub.RequestError)(nil),
	"hub.RequestResult": (*hub.RequestResult)(nil),
	"hub.Stream":        (*hub.Stream)(nil),
	"hub.Topic":         (*hub.Topic)(nil),
	"hub.Layout":        (*hub.Layout)(nil),
	"hub.Update":        (*hub.Update)(nil),

	"console.Console": (*console.Console)(nil),
	"console.Events":  (*console.Events)(nil),
	"console.Guard":   (*console.Guard)(nil),

	"sim.Datagram": (*sim.Datagram)(nil),
	"sim.Event":    (*sim.Event)(nil),
	"sim.Link":     (*sim.Link)(nil),
	"sim.Node":     (*sim.Node)(nil),
	"sim.Recorder": (*sim.Recorder)(nil),
	"sim.World":    (*sim.World)(nil),

	"sim/script.Script": (*script.Script)(nil),
	"sim/script.Step":   (*script.Step)(nil),
}

var nilFunctions = map[string]any{
	"conn.Fates":               conn.Fates,
	"intentra.AllowAny":        intentra.AllowAny,
	"intentra.Dial":            intentra.Dial,
	"intentra.GenerateKey":     intentra.GenerateKey,
	"intentra.Listen":          intentra.Listen,
	"intentra.ParseAllowList":  intentra.ParseAllowList,
	"intentra.ParsePrivateKey": intentra.ParsePrivateKey,
	"intentra.ParsePublicKey":  intentra.ParsePublicKey,
	"intentra.ReadAllowList":   intentra.ReadAllowList,
	"intentra.ReadPrivateKey":  intentra.ReadPrivateKey,
	"intentra.WritePrivateKey": intentra.WritePrivateKey,
	"conn.New":                 conn.New,
	"conn.NewIdentity":         conn.NewIdentity,
	"conn.NewPayload":          conn.NewPayload,
	"conn.Outcomes":            conn.Outcomes,
	"recording.Create":         recording.Create,
	"recording.NewReader":      recording.NewReader,
	"recording.NewWriter":      recording.NewWriter,
	"recording.Open":           recording.Open,
	"metrics.NewCollector":     metrics.NewCollector,
	"metrics.NewAgeCollector":  metrics.NewAgeCollector,
	"metrics.WithPeerLabels":   metrics.WithPeerLabels,
	"metrics.NewHubCollector":  metrics.NewHubCollector,
	"metrics.WithPublishers":   metrics.WithPublishers,
	"metrics.WithTopics":       metrics.WithTopics,
	"hub.AgeBounds":            hub.AgeBounds,
	"hub.AllowAny":             hub.AllowAny,
	"hub.Box":                  hub.Box,
	"hub.CheckName":            hub.CheckName,
	"hub.Circle":               hub.Circle,
	"hub.Dial":                 hub.Dial,
	"hub.Listen":               hub.Listen,
	"hub.New":                  hub.New,
	"hub.NewClient":            hub.NewClient,
	"hub.ParseAccess":          hub.ParseAccess,
	"hub.ParsePattern":         hub.ParsePattern,
	"hub.ReadAccess":           hub.ReadAccess,
	"console.AgeBounds":        console.AgeBounds,
	"console.New":              console.New,
	"sim.Conservation":         sim.Conservation,
	"sim.New":                  sim.New,
	"sim/script.Parse":         script.Parse,
	"sim/script.ParseLines":    script.ParseLines,
}

// zeroUseful says of what use the zero value behind a pointer is. A zero value that is
// not one may be.
var zeroUseful = map[string]string{
	"intentra.*AllowList":     "an empty list",
	"intentra.*ClosedError":   "an error without a reason",
	"intentra.*PeerEventKind": "to be unmarshalled to",
	"intentra.*PublicKey":     "to be unmarshalled to",
	"conn.*ConfigError":       "an error without a field",
	"hub.*Access":             "an empty list",
	"console.*Events":         "an empty log",
	"console.*Guard":          "answers this machine alone",
	"hub.*MissedError":        "an error without a number",
	"hub.*RequestError":       "an error without a code",
	"sim/script.*Script":      "an empty script",
	"sim/script.*Step":        "an empty line",
}

const (
	errorType        = "the nil pointer of an error type is not an error value, as in the standard library"
	unknownAddresses = "the link to addresses that no node has"
)

// nilFine says why a call with a nil or zero value succeeds, or why it may fail in the
// runtime.
var nilFine = map[string]string{
	"conn.(*ConfigError).Error of nil":      errorType,
	"intentra.(*ClosedError).Error of nil":  errorType,
	"intentra.(*ClosedError).Unwrap of nil": errorType,

	"hub.(*MissedError).Error of nil":   errorType,
	"hub.(*RequestError).Error of nil":  errorType,
	"hub.(*MissedError).Unwrap of nil":  errorType,
	"hub.(*RequestError).Unwrap of nil": errorType,

	"intentra.(PrivateKey).Format of zero":                               "only package fmt calls it",
	"intentra.(PrivateKey).Format(nil fmt.State) of argument 1":          "only package fmt calls it",
	"intentra.AllowAny(nil context.Context) of argument 1":               "the context is not used",
	"intentra.(*AllowList).Authorize(nil context.Context) of argument 1": "the context is not used",
	"hub.(Layout).Position of zero":                                      "it finds no position",
	"hub.(*Hub).SetAccess(zero *hub.Access) of argument 1":               "an empty list, which allows no key",
	"recording.NewWriter(nil io.Writer) of argument 2":                   "records no keys",
	"sim.(*World).LinkBetween(nil *sim.Node) of argument 2":              unknownAddresses,
	"sim.(*World).LinkStats(nil *sim.Node) of argument 2":                unknownAddresses,
	"sim.(*World).SetLink(nil *sim.Node) of argument 2":                  unknownAddresses,
	"sim.(*World).Until(nil func() bool) of argument 2":                  "lets all of the time pass",
}

// things are values of many types, to be receivers and arguments.
type things struct {
	values map[reflect.Type]reflect.Value
}

func newThings(t *testing.T) *things {
	l := loopback.Listen(t, intentra.Config{})
	p := loopback.Dial(t, l, intentra.Config{})
	list, err := intentra.ParseAllowList(bytes.NewReader(nil))
	require.NoError(t, err)

	identity, err := conn.NewIdentity([conn.KeySize]byte{1})
	require.NoError(t, err)
	e, err := conn.New(conn.Config{Identity: identity, Rand: zeros{}})
	require.NoError(t, err)
	peer, err := e.Dial([conn.KeySize]byte{2}, 1)
	require.NoError(t, err)
	e.SetAddress(peer, netip.MustParseAddrPort("192.0.2.1:1"), 1)

	w := sim.New(1)
	n, err := w.Node("n", netip.AddrPort{}, intentra.Config{})
	require.NoError(t, err)
	s, err := script.ParseLines(nil)
	require.NoError(t, err)

	h, err := hub.Listen("127.0.0.1:0", hub.Config{Transport: intentra.Config{Key: loopback.Key(t)}, Access: hub.AllowAny()})
	require.NoError(t, err)
	t.Cleanup(func() { _ = h.Close() })
	client, err := hub.Dial(t.Context(), h.Transport().LocalAddr().String(), h.Transport().PublicKey(),
		hub.ClientConfig{Transport: intentra.Config{Key: loopback.Key(t)}})
	require.NoError(t, err)
	t.Cleanup(func() { _ = client.Close() })
	topic, err := client.Declare(t.Context(), hub.Topic{Name: "declared"})
	require.NoError(t, err)
	stream, err := client.Subscribe(t.Context(), hub.Subscription{Pattern: "**", Area: hub.Circle(0, 0, 1)})
	require.NoError(t, err)

	page, err := console.New(console.Config{Hub: h})
	require.NoError(t, err)
	t.Cleanup(func() { _ = page.Close() })

	have := &things{values: map[reflect.Type]reflect.Value{}}
	for _, v := range []any{
		l, p, list, new(intentra.PublicKey), new(intentra.PeerEventKind),
		e, peer, e.PollJob(), identity, conn.NewPayload(nil, 1<<10),
		w, n, w.Record(1), s, new(script.Step),
		h, client, topic, stream, page, new(console.Events), console.Guard{}, hub.AllowAny(), hub.Topic{Name: "topic"}, hub.Subscription{Pattern: "**"},
		func() {}, func() bool { return true }, func(*hub.Remote) {}, time.Second, "127.0.0.1:1", intentra.PublicKey{3}, 1,
	} {
		have.values[reflect.TypeOf(v)] = reflect.ValueOf(v)
	}
	// Interfaces cannot be had from a value.
	have.values[reflect.TypeFor[context.Context]()] = reflect.ValueOf(t.Context())
	have.values[reflect.TypeFor[io.Writer]()] = reflect.ValueOf(io.Discard)
	have.values[reflect.TypeFor[http.Handler]()] = reflect.ValueOf(http.NotFoundHandler())
	have.values[reflect.TypeFor[error]()] = reflect.ValueOf(errors.New("an error"))
	return have
}

// arguments returns valid arguments for a function of the type.
func (have *things) arguments(of reflect.Type) (all []reflect.Value) {
	for in := range of.Ins() {
		v, ok := have.values[in]
		if !ok {
			v = reflect.Zero(in)
		}
		all = append(all, v)
	}
	return all
}

// zeros is a source of zeros.
type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }
