package fuzz_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/stages"
	"github.com/intentra/intentra/wire"
)

//go:generate go test -run ^TestRecord$ -update .

var update = flag.Bool("update", false, "write the recorded exchange again")

// TestRecord connects two endpoints over a network that loses some datagrams: a handshake
// with a cookie, messages of all intents, acknowledgements, a rekey and a close. With
// -update it writes the exchange to the file of package recorded.
func TestRecord(t *testing.T) {
	out := bytes.NewBufferString("# Made by TestRecord: go generate ./fuzz\n")
	w := &exchange{t: t, out: out, now: pipeline.Time(time.Hour)}
	w.a, w.b = w.endpoint(1), w.endpoint(2)
	peer, err := w.a.ep.Dial(w.b.key, w.now)
	require.NoError(t, err)
	w.run(20)
	require.True(t, peer.Connected())
	for i := range 20 {
		for _, m := range messages(i) {
			peer.Push(&conn.Message{Channel: m.channel, Intent: m.intent, Payload: []byte(m.payload)})
		}
		w.a.ep.MarkReady(peer)
		back := w.b.ep.Peer(w.a.key)
		back.Push(&conn.Message{Channel: 1, Intent: pipeline.Latest, Payload: fmt.Appendf(nil, "ok %d", i)})
		w.b.ep.MarkReady(back)
		w.run(6)
	}
	w.run(40)
	w.a.ep.ClosePeer(peer, wire.CloseNormal, w.now)
	w.run(4)
	require.NotZero(t, w.got)
	for _, kind := range []string{"datagram", "frames", "message"} {
		require.Contains(t, out.String(), "\n"+kind+" ")
	}
	if *update {
		require.NoError(t, os.WriteFile("internal/recorded/recorded.txt", out.Bytes(), 0o644))
	}
}

type queued struct {
	channel uint32
	intent  pipeline.Intent
	payload string
}

// messages returns the messages of a robot in its i-th turn.
func messages(i int) []queued {
	list := []queued{
		{1, pipeline.Latest, string([]byte{byte(10 * i), byte(20 + i)})},
		{2, pipeline.Realtime, fmt.Sprintf(`{"robot":"arm-7","seq":%d,"x":%.3f,"y":%.3f}`, i, float64(i)*1.7, 100-float64(i)*9.1)},
		{3, pipeline.Reliable, fmt.Sprintf("task %d: pick", i)},
	}
	switch i % 4 {
	case 1:
		list = append(list, queued{4, pipeline.Realtime, ""}, queued{3, pipeline.Reliable, "place"})
	case 2:
		list = append(list, queued{1 << 20, pipeline.Latest, string(bytes.Repeat([]byte{0, 0, 0x80, 0x3f, byte(i)}, 24))})
	case 3:
		list = append(list, queued{5, pipeline.Realtime, "speed=1.5 heading=270 battery=87%\n"})
	}
	return list
}

// exchange is two endpoints and the network between them, in virtual time.
type exchange struct {
	t    *testing.T
	out  io.Writer
	a, b *node
	now  pipeline.Time
	sent int
	got  int
}

type node struct {
	ep   *conn.Endpoint
	key  [conn.KeySize]byte
	addr netip.AddrPort
}

func (w *exchange) endpoint(n byte) *node {
	identity, err := conn.NewIdentity([conn.KeySize]byte{8 * n, 31: 64})
	require.NoError(w.t, err)
	cfg := conn.Config{
		Identity: identity, Rand: rand.NewChaCha8([32]byte{n}), Logger: slog.New(slog.DiscardHandler),
		Authorize: func(context.Context, conn.Handshake) bool { return true },
		Deliver:   func(*conn.Peer, *pipeline.Packet) bool { w.got++; return true },
		Room:      func(*conn.Peer, uint32) bool { return true },
		Touched:   func(*conn.Peer) {},
		Stages:    w.observe,
		Suite:     wire.AESGCM, Suites: []wire.Suite{wire.AESGCM, wire.ChaChaPoly},
		MaxDatagram: 400, MaxPeers: 10,
		IdleTimeout: time.Minute, KeepAlive: time.Second, HandshakeTimeout: 5 * time.Second, Unanswered: 2 * time.Second,
		MaxHandshakes: 100, MaxHandshakesPerAddress: 5, HandshakeRate: 200, HandshakeBurst: 50, RekeyRate: 200,
		PeerRate: 10_000, PeerBurst: 500, RekeyAfterPackets: 16, RekeyAfter: time.Minute,
		Strikes: 10, StrikeWindow: 5 * time.Second,
		SendQueueMessages: 64, SendQueueBytes: 1 << 16, ReliableQueueMessages: 64, ReliableQueueBytes: 1 << 16,
	}
	node := &node{key: identity.Public(), addr: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, n}), 7000)}
	node.ep, err = conn.New(cfg)
	require.NoError(w.t, err)
	return node
}

// observe records decrypted frames and messages.
func (w *exchange) observe(s *stages.Set) error {
	s.InsertAfter("replay", pipeline.Func("frames", nil, func(p *pipeline.Packet) pipeline.Verdict {
		w.note("frames", p.Payload())
		return pipeline.Accept
	}))
	s.InsertAfter("ack", pipeline.Func("message", nil, func(p *pipeline.Packet) pipeline.Verdict {
		w.note("message", p.Payload())
		return pipeline.Accept
	}))
	return nil
}

func (w *exchange) note(kind string, b []byte) { fmt.Fprintf(w.out, "%s %x\n", kind, b) }

// run runs that many steps of five milliseconds.
func (w *exchange) run(steps int) {
	for range steps {
		w.turn(w.a, w.b)
		w.turn(w.b, w.a)
		w.now += pipeline.Time(5 * time.Millisecond)
	}
}

// turn does what a driver does: timers, events, jobs, and sending.
func (w *exchange) turn(n, other *node) {
	n.ep.HandleTimeout(w.now)
	for _, ev := range n.ep.Events() {
		if ev.Kind == conn.NeedAddress {
			n.ep.SetAddress(ev.Peer, other.addr, w.now)
		}
	}
	for j := n.ep.PollJob(); j != nil; j = n.ep.PollJob() {
		j.Run()
		n.ep.HandleJob(j, w.now)
	}
	for more := true; more; {
		more = n.ep.Flush(w.now)
		for _, d := range n.ep.Outgoing() {
			if w.sent++; w.sent%11 == 9 {
				continue // lost
			}
			w.note("datagram", d.Data)
			other.ep.HandleDatagram(wire.Datagram{Data: bytes.Clone(d.Data), Addr: n.addr}, w.now)
		}
	}
}
