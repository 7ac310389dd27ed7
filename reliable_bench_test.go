package intentra_test

import (
	"testing"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/internal/loopback"
)

// BenchmarkReliable measures the rate of Reliable messages of 16 bytes from one peer to
// another over the loopback interface, with all limits at their defaults:
//
//	go test -run '^$' -bench 'Reliable$' -benchtime 3s .
func BenchmarkReliable(b *testing.B) {
	done, got, want := make(chan struct{}), 0, b.N
	listener := loopback.Listen(b, intentra.Config{Handler: func(intentra.Received) {
		if got++; got == want {
			close(done)
		}
	}})
	ctx := loopback.Context(b)
	p := loopback.Dial(b, listener, intentra.Config{})
	m := intentra.Message{Intent: intentra.Reliable, Payload: make([]byte, 16)}
	b.ReportAllocs()
	b.SetBytes(16)
	b.ResetTimer()
	for range want {
		if err := p.SendWait(ctx, m); err != nil {
			b.Fatal(err)
		}
	}
	select {
	case <-done:
	case <-ctx.Done():
		b.Fatal("messages are missing")
	}
	b.ReportMetric(float64(want)/b.Elapsed().Seconds(), "messages/s")
}
