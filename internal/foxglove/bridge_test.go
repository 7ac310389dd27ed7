package foxglove

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"math"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/hub"
)

// pipes is a listener and dialer without sockets, so that tests run on a fake clock.
type pipes struct {
	accepted chan net.Conn
	done     chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.accepted:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}
func (p *pipes) Close() error   { close(p.done); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }
func (p *pipes) dial(context.Context, string, string) (net.Conn, error) {
	near, far := net.Pipe()
	p.accepted <- far
	return near, nil
}

// rig is a bridge and its server. The test plays the hub's part.
type rig struct {
	*testing.T
	*Bridge
	pipes *pipes
}

// run runs a test on a fake clock.
func run(t *testing.T, test func(r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := &rig{t, New("test"), &pipes{make(chan net.Conn), make(chan struct{})}}
		cfg := hub.Config{Access: hub.AllowAny(), Fleet: r.Bridge}
		h, err := hub.New(cfg)
		require.NoError(t, err)
		r.Attach(h)
		server := &http.Server{Handler: r.Bridge}
		go func() { _ = server.Serve(r.pipes) }()
		defer func() {
			r.Bridge.Close()
			_ = server.Close()
		}()
		test(r)
	})
}

// viewer is a client of the protocol.
type viewer struct {
	*rig
	conn *websocket.Conn
}

func (r *rig) dial(protocols ...string) (*viewer, *http.Response, error) {
	c := &http.Client{Transport: &http.Transport{DialContext: r.pipes.dial, DisableKeepAlives: true}}
	conn, answer, err := websocket.Dial(r.Context(), "ws://localhost/", &websocket.DialOptions{HTTPClient: c, Subprotocols: protocols})
	if err != nil {
		return nil, answer, err
	}
	conn.SetReadLimit(-1)
	return &viewer{r, conn}, answer, nil
}

func (r *rig) view() *viewer {
	v, _, err := r.dial("foxglove.sdk.v1", Subprotocol)
	require.NoError(r, err)
	require.JSONEq(r, `{"op":"serverInfo","name":"test","capabilities":[]}`, v.text())
	return v
}

func (v *viewer) text() string {
	ctx, cancel := context.WithTimeout(v.Context(), time.Second)
	defer cancel()
	kind, b, err := v.conn.Read(ctx)
	require.NoError(v, err)
	require.Equal(v, websocket.MessageText, kind)
	return string(b)
}

// update reads an update.
func (v *viewer) update() (subscription uint32, at time.Time, payload string) {
	ctx, cancel := context.WithTimeout(v.Context(), time.Second)
	defer cancel()
	kind, b, err := v.conn.Read(ctx)
	require.NoError(v, err)
	require.Equal(v, websocket.MessageBinary, kind, string(b))
	require.EqualValues(v, 1, b[0])
	return binary.LittleEndian.Uint32(b[1:]), time.Unix(0, int64(binary.LittleEndian.Uint64(b[5:]))), string(b[13:])
}

func (v *viewer) ask(text string) {
	require.NoError(v, v.conn.Write(v.Context(), websocket.MessageText, []byte(text)))
	synctest.Wait()
}

var robot = intentra.PublicKey{7}

func field(offset int, kind string) hub.Field { return hub.Field{Offset: offset, Type: kind} }

func TestChannelsFollowTheTopics(t *testing.T) {
	run(t, func(r *rig) {
		t := r.T
		r.PublisherChanged(hub.Publisher{Key: robot, Name: "robot-7"})
		r.TopicDeclared(1, robot, hub.Topic{Name: "pose", Encoding: "cdr", Intent: intentra.Latest, Layout: &hub.Layout{X: field(0, "f64le"), Y: field(8, "f64le")}})
		v := r.view()
		require.JSONEq(t, `{"op":"advertise","channels":[{"id":1,"topic":"/robot-7/pose","encoding":"json","schemaName":"intentra position",
			"schema":"{\"type\":\"object\",\"properties\":{\"x\":{\"type\":\"number\"},\"y\":{\"type\":\"number\"}}}","schemaEncoding":"jsonschema"}]}`, v.text())
		r.TopicDeclared(2, robot, hub.Topic{Name: "arm/log", Intent: intentra.Reliable})
		require.Contains(t, v.text(), `"id":2,"topic":"/robot-7/arm/log","encoding":"json","schemaName":"intentra bytes"`)
		r.TopicRetracted(1)
		require.JSONEq(t, `{"op":"unadvertise","channelIds":[1]}`, v.text())
		// Topics that come and go before the client reads leave no trace, except for the one
		// that is being written to it.
		for id := uint64(3); id < 1000; id++ {
			r.TopicDeclared(id, robot, hub.Topic{Name: "short", Intent: intentra.Latest})
			r.TopicRetracted(id)
		}
		synctest.Wait()
		for c := range r.clients {
			require.LessOrEqual(t, len(c.dirty), 1)
			require.LessOrEqual(t, len(c.known), 2)
		}
		r.PublisherForgotten(robot)
		require.Empty(t, r.names)
	})
}

// Numbers of channels are used again after 2^32, except those in use.
func TestNumbersOfChannels(t *testing.T) {
	b := New("test")
	b.TopicDeclared(1, robot, hub.Topic{Name: "a"})
	b.last = math.MaxUint32
	b.TopicDeclared(2, robot, hub.Topic{Name: "b"})
	b.last = math.MaxUint32 - 1
	b.TopicDeclared(3, robot, hub.Topic{Name: "c"})
	b.TopicDeclared(4, robot, hub.Topic{Name: "d"})
	require.Equal(t, map[uint64]uint32{1: 1, 2: 0, 3: math.MaxUint32, 4: 2}, map[uint64]uint32{
		1: b.byID[1].number, 2: b.byID[2].number, 3: b.byID[3].number, 4: b.byID[4].number,
	})
}

func TestUpdatesAreConverted(t *testing.T) {
	run(t, func(r *rig) {
		t := r.T
		z := field(16, "f64le")
		for id, topic := range []hub.Topic{
			{Name: "json", Encoding: "json"},
			{Name: "place", Layout: &hub.Layout{X: field(0, "f64le"), Y: field(8, "f64le")}},
			{Name: "space", Layout: &hub.Layout{X: field(0, "f64le"), Y: field(8, "f64le"), Z: &z}},
			{Name: "raw"},
		} {
			topic.Intent = intentra.Realtime
			r.TopicDeclared(uint64(id), robot, topic)
		}
		v := r.view()
		v.text()
		r.Published(0, []byte(`{}`), hub.Age{}) // without a subscription
		v.ask(`{"op":"subscribe","subscriptions":[{"id":10,"channelId":1},{"id":11,"channelId":2},{"id":12,"channelId":3},{"id":13,"channelId":4}]}`)
		var payload []byte
		for _, f := range []float64{1.5, -2, 1e100} {
			payload = binary.LittleEndian.AppendUint64(payload, math.Float64bits(f))
		}
		published := time.Now()
		r.Published(0, []byte(`{"a": [1]}`), hub.Age{})
		r.Published(0, []byte(`{"a"`), hub.Age{})
		r.Published(1, payload, hub.Age{})
		r.Published(1, payload[:15], hub.Age{})
		r.Published(2, payload, hub.Age{})
		r.Published(3, payload[:3], hub.Age{})
		for i, want := range []string{`{"a": [1]}`, `{"x":1.5,"y":-2}`, `{"x":1.5,"y":-2,"z":1e+100}`, `{"data":"AAAA"}`} {
			subscription, at, got := v.update()
			require.EqualValues(t, 10+i, subscription)
			require.True(t, at.Equal(published))
			require.Equal(t, want, got)
		}
		synctest.Wait()
		require.Equal(t, Stats{Clients: 1, Subscriptions: 4, Sent: 4, Malformed: 2}, r.Stats())
	})
}

func TestRequestsThatAreRejected(t *testing.T) {
	run(t, func(r *rig) {
		t := r.T
		r.TopicDeclared(1, robot, hub.Topic{Name: "a"})
		v := r.view()
		v.text()
		v.ask(`{"op":"subscribe","subscriptions":[{"id":1,"channelId":1}]}`)
		for request, want := range map[string]string{
			`{"op":"subscribe","subscriptions":[{"id":2,"channelId":9}]}`: "there is no channel 9",
			`{"op":"subscribe","subscriptions":[{"id":1,"channelId":1}]}`: "subscription 1 exists",
			`{"op":"subscribe","subscriptions":[{"id":2,"channelId":1}]}`: "there is a subscription to channel 1",
			`{"op":"unsubscribe","subscriptionIds":[7]}`:                  "there is no subscription 7",
			`{"op":"advertise","channels":[{"id":1,"topic":"x"}]}`:        `"advertise" is not supported: this server is read-only`,
			`{"op":"subscribe","subscriptions":[{"id":-1}]}`:              "the message is not a request in JSON",
			`[`: "the message is not a request in JSON",
			`{"op":"` + strings.Repeat("x", 100) + `"}`: `"` + strings.Repeat("x", 40) + `" is not supported: this server is read-only`,
		} {
			v.ask(request)
			var s status
			require.NoError(t, json.Unmarshal([]byte(v.text()), &s))
			require.Equal(t, "status", s.Op)
			require.Equal(t, want, s.Message)
		}
		require.EqualValues(t, 8, r.Stats().Rejected)
		// Publishing is not possible either.
		require.NoError(t, v.conn.Write(t.Context(), websocket.MessageBinary, []byte{1, 0, 0, 0, 0, 1}))
		require.Contains(t, v.text(), "not a request")
		// Answers beyond a few are left out.
		v.ask(`{"op":"unsubscribe","subscriptionIds":[` + strings.Repeat("9,", 1000) + `9]}`)
		for range maxNotes {
			require.Contains(t, v.text(), "there is no subscription 9")
		}
		v.ask(`{"op":"unsubscribe","subscriptionIds":[1]}`)
		require.Zero(t, r.Stats().Subscriptions)
		r.Published(1, nil, hub.Age{})
		v.ask(`{"op":"x"}`)
		require.Contains(t, v.text(), "not supported")
		// A request that is too large ends the connection.
		require.NoError(t, v.conn.Write(t.Context(), websocket.MessageText, make([]byte, maxRequest+1)))
		_, _, err := v.conn.Read(t.Context())
		require.Equal(t, websocket.StatusMessageTooBig, websocket.CloseStatus(err))
	})
}

// Requests beyond the rate wait, and with them the client.
func TestRequestsAreLimited(t *testing.T) {
	run(t, func(r *rig) {
		t := r.T
		v := r.view()
		began := time.Now()
		for range 4 {
			v.ask(`{"op":"unsubscribe","subscriptionIds":[` + strings.Repeat("9,", requestBurst) + `9]}`)
		}
		require.GreaterOrEqual(t, time.Since(began), 2*requestBurst*time.Second/requestRate)
		v.conn.CloseNow()
	})
}

func TestLimits(t *testing.T) {
	run(t, func(r *rig) {
		t := r.T
		r.TopicDeclared(0, robot, hub.Topic{Name: "a"})
		_, answer, err := r.dial("foxglove.sdk.v1")
		require.Error(t, err)
		require.Equal(t, http.StatusBadRequest, answer.StatusCode)
		var first *viewer
		for range maxClients {
			first = r.view()
			first.text()
		}
		_, answer, err = r.dial(Subprotocol)
		require.Error(t, err)
		require.Equal(t, http.StatusServiceUnavailable, answer.StatusCode)
		require.Equal(t, Stats{Clients: maxClients, Refused: 1}, r.Stats())
		// Subscriptions of one client.
		for id := uint64(1); id <= maxSubscriptions; id++ {
			r.TopicDeclared(id, robot, hub.Topic{Name: "a"})
		}
		var list []string
		for i := range maxSubscriptions + 1 {
			list = append(list, `{"id":`+itoa(i)+`,"channelId":`+itoa(i+1)+`}`)
		}
		first.ask(`{"op":"subscribe","subscriptions":[` + strings.Join(list, ",") + `]}`)
		require.Equal(t, maxSubscriptions, r.Stats().Subscriptions)
		require.EqualValues(t, 1, r.Stats().Rejected)
		// A topic that ends takes its subscription with it.
		r.TopicRetracted(5)
		require.Equal(t, maxSubscriptions-1, r.Stats().Subscriptions)
		// A client that leaves makes room, and ends its subscriptions.
		first.conn.CloseNow()
		synctest.Wait()
		require.Equal(t, Stats{Clients: maxClients - 1, Refused: 1, Rejected: 1}, r.Stats())
		for _, c := range r.channels {
			require.Empty(t, c.subscriptions)
		}
		r.Bridge.Close()
		synctest.Wait()
		require.Zero(t, r.Stats().Clients)
		_, _, err = r.dial(Subprotocol)
		require.Error(t, err)
	})
}

func itoa(n int) string { b, _ := json.Marshal(n); return string(b) }

// A client that does not read costs its queue, and is disconnected. Others notice nothing.
func TestSlowClient(t *testing.T) {
	run(t, func(r *rig) {
		t := r.T
		r.TopicDeclared(1, robot, hub.Topic{Name: "a", Encoding: "json", Intent: intentra.Reliable})
		r.TopicDeclared(2, robot, hub.Topic{Name: "b", Encoding: "json", Intent: intentra.Latest})
		slow, quick := r.view(), r.view()
		for _, v := range []*viewer{slow, quick} {
			v.text()
			v.ask(`{"op":"subscribe","subscriptions":[{"id":1,"channelId":1},{"id":2,"channelId":2}]}`)
		}
		const n = 2 * queueMessages
		for range n {
			r.Published(1, []byte("1"), hub.Age{})
			quick.update()
		}
		for range 5 {
			r.Published(2, []byte("2"), hub.Age{})
			synctest.Wait()
		}
		quick.update()
		// One update is being written to the slow client, and queueMessages wait.
		s := r.Stats()
		require.EqualValues(t, n-queueMessages, s.Dropped)
		require.EqualValues(t, 4+3, s.Superseded, "one of the quick client's is being written")
		go func() {
			for err := error(nil); err == nil; {
				_, _, err = quick.conn.Read(r.Context())
			}
		}()
		time.Sleep(writeTimeout)
		synctest.Wait()
		require.EqualValues(t, 1, r.Stats().Slow)
		require.Equal(t, 1, r.Stats().Clients)
		require.EqualValues(t, n-queueMessages, r.Stats().Dropped, "counted also after it has left")
	})
}
