package threat

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/stages/ack"
	"github.com/intentra/intentra/wire"
)

// gapSender is a malicious peer that sends Reliable messages except the first, so
// that the hub must hold back all others.
type gapSender struct {
	*maliciousPeer
	seq uint64
}

func (h *gapSender) sendNext(n, size int) {
	for range n {
		h.seq++
		h.maliciousPeer.send(wire.AppendReliable(nil, 7, h.seq, 1, make([]byte, size)))
	}
}

// silentReceiver is a malicious peer that acknowledges nothing. Some also announce
// that they accept only one packet per second.
type silentReceiver struct {
	*maliciousPeer
	taken, full int // messages queued, and rejected because the queue was full
}

// sendTo sends it n Reliable and n Realtime messages from the hub's application.
func (k *silentReceiver) sendTo(n int) {
	for range n {
		m := intentra.Message{Channel: 1, Intent: intentra.Reliable, Payload: make([]byte, 1000)}
		if r := k.s.hub.Send(k.Key(), m); r.Err == nil {
			k.taken++
		} else {
			require.ErrorIs(k.s.t, r.Err, intentra.ErrQueueFull)
			k.full++
		}
		k.s.hub.Send(k.Key(), intentra.Message{Channel: 1, Intent: intentra.Realtime, Payload: m.Payload})
	}
}

// waiting returns the payload bytes queued for it, and those sent and kept until
// they are acknowledged.
func (k *silentReceiver) waiting() (queued, kept int) {
	slots := session(k.s.t, k.s.hub, k.Key(), "lane", "slots")
	for i := range slots.Len() {
		kept += slots.Index(i).FieldByName("payload").Len()
	}
	return k.s.hub.Endpoint().Peer(k.Key()).QueuedBytes(), kept
}

// held returns the size of the buffers for held-back messages: the largest of any
// session, and the total.
func held(s *scene) (most, all int) {
	pages := inside(s.t, stageOf[*ack.Stage](s), "sessions", "pages")
	for i := range pages.Len() {
		for j := range pages.Index(i).Elem().Len() {
			one := 0
			ring := pages.Index(i).Elem().Index(j).FieldByName("value").FieldByName("reorder").FieldByName("ring")
			for k := range ring.Len() {
				if h := ring.Index(k).FieldByName("held"); !h.IsNil() {
					one += 48 + h.Elem().FieldByName("payload").Cap()
				}
			}
			most, all = max(most, one), all+one
		}
	}
	return most, all
}

// The hub holds back at most 256 KiB for a session and 64 MiB in total. Messages
// that wait to be sent or acknowledged are bounded by the send queues and the
// Reliable window. All of this memory is released with the sessions.
func TestThreat15QueueGrowth(t *testing.T) {
	const payload = 1104 // bytes, of the size below while they are held
	charge := ack.HeldSize(payload)
	n := size(280) // at 255 KiB each: 70 MiB
	var gapSenders []*gapSender
	var receivers []*silentReceiver
	var stop func()
	s, baseline, attacked := underAttack(t, 15, func(s *scene) {
		for _, c := range s.maliciousPeers(n, intentra.Config{}) {
			gapSenders = append(gapSenders, &gapSender{maliciousPeer: c})
		}
		for _, c := range append(s.maliciousPeers(2, intentra.Config{}), s.maliciousPeers(2, intentra.Config{PeerRate: 16, PeerBurst: 1})...) {
			receivers = append(receivers, &silentReceiver{maliciousPeer: c})
		}
		gapSenders[0].sendNext(300, payload) // 337 KiB
		stop = s.Every(10*time.Millisecond, func() {
			for _, h := range gapSenders {
				if h.seq < 300 {
					h.sendNext(10, payload)
				}
			}
			for _, k := range receivers {
				k.sendTo(10)
			}
		})
	})
	stop()
	most, all := held(s)
	require.Equal(t, all, s.hub.Stats().HeldBytes)
	require.LessOrEqual(t, most, ack.DefaultHeldBytes)
	require.Greater(t, most, ack.DefaultHeldBytes-charge)
	require.LessOrEqual(t, all, ack.DefaultHeldBytesTotal)
	require.Greater(t, all, min(n*most, ack.DefaultHeldBytesTotal)-charge)
	messages := all / charge
	require.EqualValues(t, n*300-messages, s.hub.Drops("ack", "held_full"))

	queue, window, refused := 0, 0, 0
	for _, k := range receivers {
		queued, kept := k.waiting()
		require.LessOrEqual(t, queued, intentra.DefaultSendQueueBytes+intentra.DefaultReliableQueueBytes)
		require.LessOrEqual(t, kept, wire.LeastReliableWindow*intentra.DefaultMaxDatagram)
		require.Positive(t, k.full, "the queue was never full")
		require.LessOrEqual(t, k.taken*1000, intentra.DefaultReliableQueueBytes+wire.LeastReliableWindow*1000)
		queue, window, refused = queue+queued, window+kept, refused+k.full
	}
	require.Zero(t, closes(s.hub.Stats()))
	require.Equal(t, baseline, attacked)

	s.run(intentra.DefaultIdleTimeout)
	require.EqualValues(t, len(gapSenders)+len(receivers), s.hub.Stats().Closes[wire.CloseIdle])
	_, left := held(s)
	require.Zero(t, left+s.hub.Stats().HeldBytes)
	require.EqualValues(t, messages, s.hub.Drops("ack", "closed"))
	for _, k := range receivers {
		require.Zero(t, s.hub.Endpoint().Peer(k.Key()).QueuedBytes())
	}
	report(t, 15, "%d peers: held back %d B a session at most and %d B in all, ack/held_full %d; %d that acknowledge nothing: "+
		"%d B queued and %d B in flight in all, %d refused as queue full; honest delivery %s without, %s with",
		n, most, all, n*300-messages, len(receivers), queue, window, refused, percent(baseline), percent(attacked))
}
