package intentra

import (
	"math/rand/v2"
	"net/netip"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/internal/journal"
	"github.com/intentra/intentra/internal/noise"
	"github.com/intentra/intentra/pipeline"
)

// A reader who never comes: of State the newest ReceiveQueue messages wait, and
// as many Reliable ones are taken. A gap that is closed before the last of those
// sets free up to 1,023 more; what all that takes of the heap is documented, and
// the ring that grew for them does not stay so.
func TestMailroomAtItsLimit(t *testing.T) {
	const (
		peers, sent = 16, 3 * DefaultReceiveQueue
		held        = 1023
		bound, read = 4_600_000, 2 << 20 // bytes a peer, and one that has been read
	)
	var m mailroom
	m.init(DefaultReceiveQueue)
	payload := make([]byte, 1200)
	before := heapInUse()
	all := make([]*Peer, peers)
	for i := range all {
		p := new(Peer)
		all[i] = p
		taken := 0
		for n := range uint32(sent) {
			m.put(p, packetOf(n, Latest, payload))
			if m.room(p) {
				taken++
				m.put(p, packetOf(n, Reliable, payload))
			}
		}
		require.Equal(t, DefaultReceiveQueue, taken)
		require.Equal(t, DefaultReceiveQueue, p.mail.state.n)
		require.Equal(t, DefaultReceiveQueue, p.mail.reliable.n)
		l := p.mail.state.slots[p.mail.state.head]
		require.EqualValues(t, sent-DefaultReceiveQueue, l.channel, "the newest stay")

		for range held {
			m.put(p, packetOf(0, Reliable, payload))
		}
		require.Equal(t, 2*DefaultReceiveQueue-1, p.mail.reliable.n)
		require.Len(t, p.mail.reliable.slots, 2*DefaultReceiveQueue)
	}
	require.EqualValues(t, peers*(sent-DefaultReceiveQueue), m.dropped())
	each := (heapInUse() - before) / peers
	t.Logf("%d B a peer", each)
	require.LessOrEqual(t, each, bound)
	require.Greater(t, each, bound/2)

	for range peers * (3*DefaultReceiveQueue - 1) {
		_, err := m.receiveAny(t.Context())
		require.NoError(t, err)
	}
	each = (heapInUse() - before) / peers
	t.Logf("%d B a peer that has been read", each)
	require.LessOrEqual(t, each, read)
	for _, p := range all {
		require.LessOrEqual(t, len(p.mail.reliable.slots), DefaultReceiveQueue)
	}
	runtime.KeepAlive(all)
}

func packetOf(channel uint32, intent Intent, payload []byte) *pipeline.Packet {
	p := &pipeline.Packet{Channel: channel, Intent: intent}
	p.SetPayload(payload)
	return p
}

func heapInUse() int {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// The worker has at most workerQueue jobs: all others wait in the core, and the
// loop never waits for a place.
func TestWorkerQueueAtItsLimit(t *testing.T) {
	key, err := GenerateKey()
	require.NoError(t, err)
	cfg, err := Config{Key: key}.Core()
	require.NoError(t, err)
	cfg.Rand = rand.NewChaCha8([32]byte{})
	cfg.Touched = func(*conn.Peer) {}
	tr := &Transport{work: make(chan *conn.Job, workerQueue)}
	tr.core, err = journal.New(cfg, nil, 0)
	require.NoError(t, err)
	const dials = 3 * workerQueue
	for i := range dials {
		p, err := tr.core.Dial([noise.KeySize]byte{byte(i), 1}, 1)
		require.NoError(t, err)
		tr.core.SetAddress(p, netip.MustParseAddrPort("127.0.0.1:9"), 1)
		tr.startJobs()
	}
	require.Len(t, tr.work, workerQueue)
	require.Equal(t, workerQueue, tr.working)
	waiting := 0
	for tr.core.PollJob() != nil {
		waiting++
	}
	require.Equal(t, dials-workerQueue, waiting)
}
