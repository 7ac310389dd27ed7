package load

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/internal/histogram"
)

// RoundTrips is a Testbed whose peers send every message back, and a plain UDP
// socket that does the same, for comparison.
type RoundTrips struct {
	*Testbed
	receiver Receiver

	dialer Children // one, after the first call of MeasureConnecting

	plain         *net.UDPConn // nil until Connect
	plainReceiver Receiver
	reading       chan struct{} // closed when plain is no longer read
}

// OpenRoundTrips starts the sending side and the children.
func OpenRoundTrips(ctx context.Context, b TestbedConfig) (r *RoundTrips, err error) {
	r = &RoundTrips{reading: make(chan struct{})}
	cfg := intentra.Config{Handler: func(m intentra.Received) { r.receiver.Handle(m.Payload) }}
	if r.Testbed, err = open(ctx, b, cfg); err != nil {
		return nil, err
	}
	return r, nil
}

// Connect connects all peers, and the plain socket.
func (r *RoundTrips) Connect(ctx context.Context) error {
	if err := r.connect(ctx, "Echo.Connect", Limits{}); err != nil {
		return err
	}
	var addr netip.AddrPort
	if err := r.children[0].Call(ctx, "Echo.Plain", struct{}{}, &addr); err != nil {
		return err
	}
	c, err := net.DialUDP("udp4", net.UDPAddrFromAddrPort(loopback), net.UDPAddrFromAddrPort(addr))
	if err != nil {
		return fmt.Errorf("plain UDP: %w", err)
	}
	r.plain = c
	go r.readPlain()
	return nil
}

// readPlain returns when the socket is closed.
func (r *RoundTrips) readPlain() {
	defer close(r.reading)
	b := make([]byte, 64<<10)
	for {
		n, err := r.plain.Read(b)
		switch {
		case err == nil:
			r.plainReceiver.Handle(b[:n])
		case errors.Is(err, net.ErrClosed):
			return
		}
	}
}

// Close ends the children and closes the listener.
func (r *RoundTrips) Close() {
	if r.plain != nil {
		_ = r.plain.Close()
		<-r.reading
	}
	r.dialer.Close()
	r.Testbed.Close()
}

// Trips are the round trips of one measurement.
type Trips struct {
	Sent, Back uint64
	Times      *histogram.Snapshot
}

// Measure sends rate messages of size bytes a second, one at a time and to the
// peers in turn, and measures how long they take to come back.
func (r *RoundTrips) Measure(ctx context.Context, rate float64, size int, duration time.Duration) (Trips, error) {
	peers := r.Transport.Peers()
	next := 0
	return r.trips(ctx, &r.receiver, rate, size, duration, func(payload []byte) bool {
		p := peers[next%len(peers)]
		next++
		return p.Send(intentra.Message{Intent: intentra.Realtime, Payload: payload}).Status != intentra.Dropped
	})
}

// MeasurePlain is Measure with the plain socket.
func (r *RoundTrips) MeasurePlain(ctx context.Context, rate float64, size int, duration time.Duration) (Trips, error) {
	return r.trips(ctx, &r.plainReceiver, rate, size, duration, func(payload []byte) bool {
		_, err := r.plain.Write(payload)
		return err == nil
	})
}

// MeasureConnecting is Measure while another child dials under the Spare
// identities, dials times a second, and disconnects each at once.
func (r *RoundTrips) MeasureConnecting(ctx context.Context, dials, rate float64, size int, duration time.Duration) (trips Trips, dialled Dialled, err error) {
	if r.dialer == nil {
		if r.dialer, err = StartChildren(ctx, 1, r.Command, r.Stderr); err != nil {
			return trips, dialled, err
		}
	}
	crowd := r.crowd(0)
	crowd.First, crowd.Peers, crowd.Sockets = r.Peers, r.Spare, 1
	d := Dials{Crowd: crowd, Rate: dials, Start: Now(), Duration: duration}
	reply, dialling := new(Dialled), make(chan error, 1)
	go func() { dialling <- r.dialer[0].Call(ctx, "Dialer.Run", d, reply) }()
	trips, err = r.Measure(ctx, rate, size, duration)
	dialErr := <-dialling
	if dialErr == nil {
		dialled = *reply
	}
	if err == nil {
		err = dialErr
	}
	return trips, dialled, err
}

func (r *RoundTrips) trips(ctx context.Context, back *Receiver, rate float64, size int, duration time.Duration, send func([]byte) bool) (Trips, error) {
	id := r.nextID()
	back.Begin(id, SampleEvery(rate))
	payload := make([]byte, size)
	var sent uint64
	for n := range r.pacer(Now(), rate, duration).Bursts(ctx) {
		for range n {
			Stamp{Now(), id}.Put(payload)
			if send(payload) {
				sent++
			}
		}
	}
	err := await(ctx, func() (bool, error) { return back.Delivered() >= sent, nil })
	return Trips{sent, back.Delivered(), back.Latency()}, err
}
