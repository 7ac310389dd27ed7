package replay_test

import (
	"fmt"
	"net"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/internal/replay"
	"github.com/intentra/intentra/recording"
)

// recorded returns a recorded transport. end closes it and its recording.
func recorded(t *testing.T, cfg intentra.Config) (tr *intentra.Transport, r *recordingFiles, end func()) {
	t.Helper()
	r = new(recordingFiles)
	cfg.Key, cfg.Record = generate(t), recording.NewWriter(&r.capture, &r.keys)
	if cfg.Authorize == nil {
		cfg.Authorize = intentra.AllowAny
	}
	tr, err := intentra.Listen("127.0.0.1:0", cfg)
	require.NoError(t, err)
	return tr, r, func() {
		require.NoError(t, tr.Close())
		require.NoError(t, cfg.Record.Close())
	}
}

// Transports under concurrent load are replayed: several goroutines send, a Handler
// sends and panics, messages wait for Receive, there are several identities, and a
// stranger sends random datagrams.
func TestBusyTransportsAreReplayed(t *testing.T) {
	ctx := t.Context()
	calls := 0 // the Handler's, which runs on the loop
	server, sr, endServer := recorded(t, intentra.Config{
		RekeyAfterPackets: 50,
		Handler: func(m intentra.Received) {
			m.Peer.Send(intentra.Message{Channel: 5, Intent: m.Intent, Payload: m.Payload})
			if calls++; calls%50 == 0 {
				panic("the handler's")
			}
		},
	})
	// The client receives nothing at first: its queue of Reliable messages fills up.
	client, cr, endClient := recorded(t, intentra.Config{ReceiveQueue: 4, SendQueueMessages: 8, ReliableQueueMessages: 8, Suite: intentra.ChaChaPoly})
	var peers []*intentra.Peer
	for range 3 {
		p, err := client.DialAs(ctx, generate(t), server.LocalAddr().String(), server.PublicKey())
		require.NoError(t, err)
		peers = append(peers, p)
	}
	stranger, err := net.Dial("udp", server.LocalAddr().String())
	require.NoError(t, err)
	defer stranger.Close()
	var senders sync.WaitGroup
	for who, p := range peers {
		for range 2 {
			senders.Go(func() {
				for i := range 150 {
					p.Send(intentra.Message{Channel: uint32(i % 2), Intent: intentra.Realtime + intentra.Intent((i+who)%3), Payload: fmt.Append(nil, who, i)})
					_, _ = stranger.Write([]byte{0x11, 0, 0, 0, byte(who), byte(i), 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28})
				}
			})
		}
	}
	senders.Go(func() {
		for i := range 100 {
			client.Broadcast(intentra.Message{Channel: 7, Intent: intentra.Latest, Payload: fmt.Append(nil, i)})
		}
	})
	senders.Wait()
	for range 20 {
		_, err := client.Receive(ctx)
		require.NoError(t, err)
	}
	require.NoError(t, peers[2].Close())
	peers[2], err = client.Dial(ctx, server.LocalAddr().String(), server.PublicKey())
	require.NoError(t, err)
	require.NoError(t, peers[0].SendWait(ctx, intentra.Message{Channel: 1, Intent: intentra.Reliable, Payload: []byte("last")}))
	server.Revoke(peers[2].Identity())
	endClient() // with packets in flight
	endServer()
	for name, r := range map[string]*recordingFiles{"server": sr, "client": cr} {
		res, differences := r.replay(t, replay.Options{})
		require.Empty(t, differences, name)
		require.True(t, res.Whole && res.Same())
		require.Positive(t, res.Delivered)
		require.Positive(t, res.Pushes)
	}
	require.Contains(t, sr.keys.String(), "static ")
}
