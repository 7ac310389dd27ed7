package hub

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
)

// No control message is too large, whatever its fields contain.
func TestLargestControlMessages(t *testing.T) {
	worst := func(n int) string { return strings.Repeat(`"`, n) }
	field := Field{Pointer: "/" + worst(MaxPointer-1)}
	topic := Topic{
		Name: worst(MaxName) + "/" + worst(MaxPath-2*MaxName-2), Intent: intentra.Realtime, Encoding: worst(MaxEncoding),
		Layout: &Layout{X: field, Y: field, Z: &field},
	}
	topic.TTL, topic.Priority, topic.Stamp = maxTTL, intentra.Normal+1, true
	for p := intentra.Low; p <= intentra.Urgent; p++ {
		if len(p.String()) > len(topic.Priority.String()) && p != intentra.Normal {
			topic.Priority = p
		}
	}
	require.NoError(t, topic.check())
	info := peerInfo{Name: worst(MaxName), Key: keyOf("a").Public(), Connected: true, Restarts: math.MaxUint64}
	require.NoError(t, CheckName(info.Name))
	area := &Area{Min: []float64{-math.MaxFloat64, -math.MaxFloat64, -math.MaxFloat64}, Max: []float64{math.SmallestNonzeroFloat64, math.MaxFloat64, math.Pi}}
	require.NoError(t, area.check())
	announce := message{Type: typeAnnounce, Seq: math.MaxUint64, Channel: pointer(uint32(maxTopics)), Publisher: &info}
	announce.describe(topic)
	declare := message{Type: typeDeclare, Seq: math.MaxUint64, Channel: pointer(uint32(maxChannel))}
	declare.describe(topic)
	for _, m := range []message{
		announce, declare,
		{
			Type: typeSubscribe, Seq: math.MaxUint64, ID: pointer(uint32(math.MaxUint32)), Pattern: worst(MaxPath),
			MaxRate: math.Pi, Area: area, Cached: true,
		},
		{
			Type: typeError, Seq: math.MaxUint64, For: typeUnsubscribe, Channel: pointer(uint32(math.MaxUint32)), ID: pointer(uint32(math.MaxUint32)),
			Code: codeNotAllowed, Text: short(worst(1000)), Missed: math.MaxUint64,
		},
		{Type: typePeers, Seq: math.MaxUint64, Peers: []peerInfo{info, info}, More: true},
		{Type: typeTopics, Seq: math.MaxUint64, More: true, Topics: []TopicInfo{{
			Path: worst(MaxPath), Intent: intentra.Reliable, Encoding: worst(MaxEncoding),
			Updates: math.MaxUint64, Bytes: math.MaxUint64, Subscribers: math.MaxInt, Conflated: math.MaxUint64, Live: true,
		}}},
	} {
		b := m.encode()
		t.Log(m.Type, len(b))
		got, err := decode(b)
		require.NoError(t, err)
		require.Equal(t, m, got)
	}
}

// Text that is not UTF-8 is refused, and not replaced: two names could become one.
func TestControlIsUTF8(t *testing.T) {
	_, err := decode([]byte("{\"type\":\"declare\",\"seq\":2,\"channel\":1,\"topic\":\"p\xff\"}"))
	require.ErrorIs(t, err, errMalformed)
	m, err := decode([]byte("{\"type\":\"declare\",\"seq\":2,\"channel\":1,\"topic\":\"pos\u00e9\"}"))
	require.NoError(t, err)
	require.Equal(t, "pos\u00e9", m.Topic)
}

// A client sends any control messages, also malformed ones, in any order: the hub does
// not panic, keeps within its limits, and still serves others.
func FuzzControl(f *testing.F) {
	f.Add([]byte(`{"type":"declare","seq":2,"channel":1,"topic":"pose","ttl":200,"priority":"high","stamp":true,"layout":{"x":{"offset":0,"type":"f64le"},"y":{"pointer":"/y"}}}
{"type":"subscribe","seq":3,"id":1,"pattern":"**","max_rate":5,"area":{"centre":[0,0],"radius":1},"cached":true}
{"type":"announced","seq":4,"channel":1}
{"type":"retract","seq":5,"channel":1}
{"type":"retracted","seq":6,"channel":1}
{"type":"list","seq":7,"pattern":"**"}
{"type":"watch","seq":8}
{"type":"unsubscribe","seq":9,"id":1}
{"type":"hello","seq":10}`))
	f.Add([]byte("{\"type\":\"declare\",\"seq\":2,\"channel\":0}\n{\"type\":\"hello\"}\nnull\n[]\n{\"type\":\"subscribe\",\"seq\":3}\n\xff"))
	f.Fuzz(func(t *testing.T, input []byte) {
		w := newWorld(t, fleetAccess(), func(c *Config) { c.Limits = Limits{TopicsPerPublisher: 2, Subscriptions: 2, CachedBytes: 64} })
		attacker, viewer := w.join("robot-1"), w.join("viewer")
		hub, _ := attacker.node.Peer(keyOf("hub").Public())
		for i, line := range strings.SplitN(string(input), "\n", 40) {
			if len(line) > MaxControl {
				line = line[:MaxControl]
			}
			hub.Send(intentra.Message{Channel: ControlChannel, Intent: intentra.Reliable, Payload: []byte(line)})
			hub.Send(intentra.Message{Channel: uint32(i % 3), Intent: intentra.Latest, Payload: []byte(line)})
		}
		w.pass(second)
		s := w.hub.Stats()
		require.LessOrEqual(t, s.Topics, 2)
		require.LessOrEqual(t, s.Subscriptions, 2)
		require.LessOrEqual(t, s.CachedBytes, 64)
		two := w.join("robot-2")
		stream := viewer.subscribe(Subscription{Pattern: "robot-2/pose"})
		pose := two.declare(Topic{Name: "pose"})
		w.pass(second)
		require.NoError(t, pose.Send([]byte("fine")))
		w.pass(second)
		require.Equal(t, []string{"robot-2/pose fine"}, stream.read())
		w.consistent()
	})
}
