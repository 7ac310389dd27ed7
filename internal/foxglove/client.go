package foxglove

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/coder/websocket"
	"golang.org/x/time/rate"
)

// What we chose.
const (
	// writeTimeout is how long one message to a client may take. A client that takes
	// longer is disconnected.
	writeTimeout = 10 * time.Second
	// pingEvery is the time between two pings, which find clients that are gone.
	pingEvery = 30 * time.Second
	// maxRequest is the size of the largest message of a client, in bytes.
	maxRequest = 128 << 10
	// requestRate and requestBurst limit the topics in a client's requests, per second.
	// Beyond them a client's requests wait.
	requestRate  = 500
	requestBurst = 2 * maxSubscriptions
	// advertised is how many channels one message adds or removes.
	advertised = 256
	// maxNotes is how many answers may wait for a client; others are left out.
	maxNotes = 16
)

// client is one connection.
type client struct {
	bridge *Bridge
	stop   context.CancelFunc
	woken  chan struct{} // has capacity 1

	// These are guarded by Bridge.mu.
	subscriptions map[uint32]*subscription // by the client's number
	topics        map[uint32]*subscription // by the number of the channel
	// known has the channels that the client knows, and dirty those of which it must be
	// told that they exist or no longer do. Neither can grow beyond the topics of the hub
	// and those that the client still knows.
	known, dirty map[uint32]struct{}
	queue        queue
	notes        [][]byte
}

// ServeHTTP implements [http.Handler]: it serves one client until it goes away. Which
// requests come here is the caller's decision, also those from other origins.
func (b *Bridge) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !offers(r, Subprotocol) {
		http.Error(w, "this is a WebSocket with the subprotocol "+Subprotocol, http.StatusBadRequest)
		return
	}
	ctx, stop := context.WithCancel(r.Context())
	defer stop()
	c, ok := b.enter(stop)
	if !ok {
		w.Header().Set("Retry-After", "5")
		http.Error(w, "too many clients are connected", http.StatusServiceUnavailable)
		return
	}
	defer b.leave(c)
	// The caller has checked the Origin header.
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{Subprotocol}, InsecureSkipVerify: true})
	if err != nil {
		return // answered by Accept
	}
	defer func() { _ = conn.CloseNow() }() // it is closed either way
	conn.SetReadLimit(maxRequest)
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer stop()
		c.read(ctx, conn)
	}()
	c.write(ctx, conn)
	stop()
	_ = conn.CloseNow() // ends read
	<-done
}

// offers reports whether a client offers a subprotocol.
func offers(r *http.Request, protocol string) bool {
	for _, list := range r.Header.Values("Sec-WebSocket-Protocol") {
		for p := range strings.SplitSeq(list, ",") {
			if strings.TrimSpace(p) == protocol {
				return true
			}
		}
	}
	return false
}

// enter adds a client, unless there are too many.
func (b *Bridge) enter(stop context.CancelFunc) (*client, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed || b.hub == nil || len(b.clients) >= maxClients {
		b.stats.Refused++
		return nil, false
	}
	c := &client{
		bridge: b, stop: stop, woken: make(chan struct{}, 1),
		subscriptions: make(map[uint32]*subscription), topics: make(map[uint32]*subscription),
		known: make(map[uint32]struct{}), dirty: make(map[uint32]struct{}),
	}
	for number := range b.channels {
		c.dirty[number] = struct{}{}
	}
	c.notes = append(c.notes, encode(serverInfo{Op: "serverInfo", Name: b.name, Capabilities: []string{}}))
	b.clients[c] = struct{}{}
	c.wake()
	return c, true
}

// leave removes a client.
func (b *Bridge) leave(c *client) {
	b.mu.Lock()
	delete(b.clients, c)
	b.stats.Superseded += c.queue.superseded
	b.stats.Dropped += c.queue.dropped
	var ids []uint64
	for _, s := range c.subscriptions {
		ids = append(ids, s.end())
	}
	b.mu.Unlock()
	b.settle(ids, nil)
}

// end ends a subscription and returns the id of its topic.
func (s *subscription) end() uint64 {
	s.ended = true
	ch := s.channel
	ch.subscriptions = slices.DeleteFunc(ch.subscriptions, func(other *subscription) bool { return other == s })
	delete(s.client.subscriptions, s.number)
	delete(s.client.topics, ch.number)
	return ch.id
}

// wake has write look at what there is to do.
func (c *client) wake() {
	select {
	case c.woken <- struct{}{}:
	default: // it will look anyway
	}
}

// changed notes that a channel has come or gone.
func (c *client) changed(number uint32) {
	_, exists := c.bridge.channels[number]
	if _, known := c.known[number]; known != exists {
		c.dirty[number] = struct{}{}
	} else {
		delete(c.dirty, number)
	}
	c.wake()
}

// note queues an answer for the person at the client.
func (c *client) note(level int, format string, args ...any) {
	c.bridge.stats.Rejected++
	if len(c.notes) < maxNotes {
		c.notes = append(c.notes, encode(status{"status", level, fmt.Sprintf(format, args...)}))
		c.wake()
	}
}

// write sends what there is until ctx ends or the client does not read.
func (c *client) write(ctx context.Context, conn *websocket.Conn) {
	ping := time.NewTicker(pingEvery)
	defer ping.Stop()
	var buffer []byte
	for {
		text, u := c.next()
		var err error
		switch {
		case text != nil:
			err = c.send(ctx, conn, websocket.MessageText, text)
		case u != nil:
			buffer, err = c.sendUpdate(ctx, conn, buffer[:0], u)
		default:
			select {
			case <-c.woken:
			case <-ping.C:
				err = within(ctx, conn.Ping)
			case <-ctx.Done():
				return
			}
		}
		if err != nil {
			c.failed(err)
			return
		}
	}
}

// errSlow is returned when a client did not read for writeTimeout.
var errSlow = errors.New("foxglove: the client does not read")

// within calls f, which may take writeTimeout.
func within(ctx context.Context, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	err := f(ctx)
	if err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return errSlow
	}
	return err
}

func (c *client) send(ctx context.Context, conn *websocket.Conn, kind websocket.MessageType, b []byte) error {
	return within(ctx, func(ctx context.Context) error { return conn.Write(ctx, kind, b) })
}

// failed counts a client that does not read.
func (c *client) failed(err error) {
	if errors.Is(err, errSlow) {
		c.bridge.mu.Lock()
		c.bridge.stats.Slow++
		c.bridge.mu.Unlock()
	}
}

// next returns the next message to the client, or the next update, or neither.
func (c *client) next() (text []byte, u *update) {
	c.bridge.mu.Lock()
	defer c.bridge.mu.Unlock()
	switch {
	case len(c.notes) > 0:
		text = c.notes[0]
		c.notes = c.notes[1:]
		return text, nil
	case len(c.dirty) > 0:
		return c.channelsChanged(), nil
	}
	for u = c.queue.pop(); u != nil && u.to.ended; u = c.queue.pop() {
		c.queue.release(u)
	}
	return nil, u
}

// channelsChanged returns a message that says which channels have gone or, if none has,
// come.
func (c *client) channelsChanged() []byte {
	var gone []uint32
	var come []channelInfo
	for _, number := range slices.Sorted(maps.Keys(c.dirty)) {
		ch := c.bridge.channels[number]
		switch {
		case ch == nil && len(gone) < advertised:
			gone = append(gone, number)
			delete(c.dirty, number)
			delete(c.known, number)
		case ch != nil && len(come) < advertised:
			come = append(come, channelInfo{
				ID: number, Topic: ch.path, Encoding: encodingJSON, SchemaName: ch.schemaName, Schema: ch.schema, SchemaEncoding: "jsonschema",
			})
		}
	}
	if len(gone) > 0 {
		return encode(unadvertise{"unadvertise", gone})
	}
	for _, info := range come {
		delete(c.dirty, info.ID)
		c.known[info.ID] = struct{}{}
	}
	return encode(advertise{"advertise", come})
}

// sendUpdate converts and sends an update, and gives it back. It returns the buffer for
// the next one.
func (c *client) sendUpdate(ctx context.Context, conn *websocket.Conn, b []byte, u *update) ([]byte, error) {
	b = appendHead(b, u.to.number, u.at)
	b, ok := u.to.channel.form.appendPayload(b, &u.to.channel.topic, u.payload)
	var err error
	if ok {
		err = c.send(ctx, conn, websocket.MessageBinary, b)
	}
	c.bridge.mu.Lock()
	defer c.bridge.mu.Unlock()
	c.queue.release(u)
	switch {
	case !ok:
		c.bridge.stats.Malformed++
	case err == nil:
		c.bridge.stats.Sent++
	}
	if cap(b) > queueBytes {
		b = nil
	}
	return b, err
}

// read carries out the client's requests until the connection ends.
func (c *client) read(ctx context.Context, conn *websocket.Conn) {
	limit := rate.NewLimiter(requestRate, requestBurst)
	for {
		kind, data, err := conn.Read(ctx)
		if err != nil {
			return
		}
		var r request
		malformed := kind != websocket.MessageText || json.Unmarshal(data, &r) != nil
		if limit.WaitN(ctx, min(r.weight(), requestBurst)) != nil {
			return
		}
		c.bridge.mu.Lock()
		var ids []uint64
		var fresh []*subscription
		switch {
		case malformed:
			c.note(levelError, "the message is not a request in JSON")
		case r.Op == "subscribe":
			ids, fresh = c.subscribe(&r)
		case r.Op == "unsubscribe":
			ids = c.unsubscribe(&r)
		default:
			c.note(levelError, "%.40q is not supported: this server is read-only", r.Op)
		}
		c.bridge.mu.Unlock()
		c.bridge.settle(ids, fresh)
	}
}

func (c *client) subscribe(r *request) (ids []uint64, fresh []*subscription) {
	for _, want := range r.Subscriptions {
		ch := c.bridge.channels[want.Channel]
		switch {
		case ch == nil:
			c.note(levelWarning, "there is no channel %d", want.Channel)
		case c.subscriptions[want.ID] != nil:
			c.note(levelError, "subscription %d exists", want.ID)
		case c.topics[want.Channel] != nil:
			c.note(levelWarning, "there is a subscription to channel %d", want.Channel)
		case len(c.subscriptions) >= maxSubscriptions:
			c.note(levelError, "a client may have %d subscriptions", maxSubscriptions)
		default:
			s := &subscription{number: want.ID, channel: ch, client: c}
			c.subscriptions[want.ID], c.topics[want.Channel] = s, s
			ch.subscriptions = append(ch.subscriptions, s)
			ids, fresh = append(ids, ch.id), append(fresh, s)
		}
	}
	return ids, fresh
}

func (c *client) unsubscribe(r *request) (ids []uint64) {
	for _, number := range r.IDs {
		s := c.subscriptions[number]
		if s == nil {
			c.note(levelWarning, "there is no subscription %d", number)
			continue
		}
		ids = append(ids, s.end())
	}
	return ids
}
