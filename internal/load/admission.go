package load

import (
	"context"
	"time"

	"github.com/intentra/intentra"
)

// Admission is a Testbed whose children keep connecting and disconnecting under
// its Peers identities.
type Admission struct{ *Testbed }

// OpenAdmission starts the listener and the children.
func OpenAdmission(ctx context.Context, b TestbedConfig) (*Admission, error) {
	t, err := open(ctx, b, intentra.Config{Handler: discard})
	return &Admission{t}, err
}

// Accepted is how a listener handled the dials of a measurement.
type Accepted struct {
	// Handshakes is how many were completed.
	Handshakes uint64
	// PerSecond is their rate, and CPU the time that the listening process used
	// for each.
	PerSecond float64
	CPU       time.Duration
	// Outcomes counts handshakes and their packets at the listener.
	Outcomes map[string]uint64
	// Failed is how many dials ended with an error, and Failure is one of them.
	Failed  uint64
	Failure string
}

// Measure dials for the time duration: rate times a second or, if rate is zero,
// with concurrency dials running at all times.
func (a *Admission) Measure(ctx context.Context, rate float64, concurrency int, duration time.Duration) (*Accepted, error) {
	start := Now() + lead
	dialled := make([]Dialled, len(a.children))
	dialling := make(chan error, 1)
	go func() {
		dialling <- a.children.Each(ctx, func(ctx context.Context, i int, c *Child) error {
			_, n := a.children.Share(concurrency, i)
			d := Dials{Crowd: a.crowd(i), Rate: rate / float64(len(a.children)), Concurrency: n, Start: start, Duration: duration}
			return c.Call(ctx, "Dialer.Run", d, &dialled[i])
		})
	}()
	before := outcomes(a.Transport)
	cpu, accepted, err := newMeter(a.Transport).during(ctx, start, duration, a)
	after := outcomes(a.Transport)
	if dialErr := <-dialling; dialErr != nil {
		return nil, dialErr
	}
	if err != nil {
		return nil, err
	}
	r := &Accepted{Handshakes: accepted - before[acceptedOutcome], Outcomes: map[string]uint64{}}
	r.PerSecond = per(r.Handshakes, duration.Seconds())
	r.CPU = time.Duration(Ratio(float64(cpu), float64(r.Handshakes)))
	for name, n := range after {
		if n > before[name] {
			r.Outcomes[name] = n - before[name]
		}
	}
	for _, d := range dialled {
		r.Failed += d.Failed
		if d.Failure != "" {
			r.Failure = d.Failure
		}
	}
	return r, nil
}

// acceptedOutcome is the name of completed handshakes in Stats.Handshakes.
const acceptedOutcome = "accepted"

// Delivered returns how many handshakes were completed.
func (a *Admission) Delivered() uint64 { return outcomes(a.Transport)[acceptedOutcome] }

func outcomes(t *intentra.Transport) map[string]uint64 {
	all := map[string]uint64{}
	for _, c := range t.Stats().Handshakes {
		all[c.Name] = c.Count
	}
	return all
}
