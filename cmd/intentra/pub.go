package main

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"time"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/internal/load"
)

type pubCmd struct {
	Connect dialAddress        `required:"" placeholder:"ADDR" help:"HOST:PORT of the hub or subscriber; several with commas between them are tried in turn."`
	Peer    intentra.PublicKey `required:"" placeholder:"PUBKEY" help:"The public key that the other side must have."`
	Key     fileName           `required:"" placeholder:"FILE" help:"Our private key file."`
	Rate    float64            `default:"0" help:"Messages per second; 0 for as fast as the other side accepts them."`
	Intent  intentra.Intent    `default:"realtime" enum:"realtime,latest,reliable" help:"How the messages travel: ${enum}."`
	Suite   intentra.Suite     `default:"aesgcm" enum:"aesgcm,chachapoly" help:"The cipher suite: ${enum}."`
	Channel uint32             `default:"0" help:"The channel to send on."`
	Repeat  int                `default:"1" help:"Send all lines this many times; if above 1, all lines are read into memory first."`
	socketFlags
	recordFlags
}

func (c *pubCmd) Help() string {
	return "Every line is a message, without its newline; an empty line is an empty message. Prints 'connected HOST:PORT key PUBKEY' " +
		"(the other side's) on standard error once it can send. At the end pub waits for outstanding acknowledgements " +
		"and prints a JSON summary on standard error, where lines = acked + lost + dropped. It exits with 1 if a line is too long, or if reliable messages stay unacknowledged. " +
		"If the connection is lost, pub reconnects."
}

func (c *pubCmd) check() error {
	if !(c.Rate >= 0) || math.IsInf(c.Rate, 0) {
		return usagef("pub: --rate is %v; give messages per second, or 0 for no limit", c.Rate)
	}
	if c.Repeat < 1 {
		return usagef("pub: --repeat is %d; give 1 or more", c.Repeat)
	}
	return c.socketFlags.check("pub")
}

func (c *pubCmd) Run(e *environment) (err error) {
	if err := c.check(); err != nil {
		return err
	}
	key, err := readKey(e, c.Key)
	if err != nil {
		return err
	}
	if err := checkPeer("pub", c.Peer, key); err != nil {
		return err
	}
	rec, err := c.recordFlags.open(e)
	if err != nil {
		return fmt.Errorf("pub: %w", err)
	}
	defer func() { err = rec.close(e, err) }()
	link, ctx := newUplink(e.ctx, e.logger(slog.LevelInfo))
	peer, err := intentra.Dial(ctx, string(c.Connect), c.Peer, intentra.Config{
		Key: key, Suite: c.Suite, Logger: e.logger(slog.LevelError), OnPeer: link.peerEvent, Record: rec.writer(), Socket: c.socketFlags.config(),
	})
	if err != nil {
		return fmt.Errorf("pub: %w", err)
	}
	fmt.Fprintf(e.stderr, "connected %s key %s\n", peer.Addr(), peer.Key())
	p := &publication{peer: peer, intent: c.Intent, start: time.Now()}
	if e.showsStatus() {
		go p.progress(ctx, e)
	}
	sending, sent := context.WithCancel(ctx)
	defer e.explainDelay(sending, "for acknowledgements", flushGrace)()
	err = c.send(ctx, e, p)
	sent()
	if err == nil {
		err = link.failure()
	}
	link.close()
	if finishErr := p.finish(flushGrace); err == nil {
		err = finishErr
	}
	if summaryErr := e.summarize(p.summary()); err == nil {
		err = summaryErr
	}
	if err != nil {
		return fmt.Errorf("pub: %w", err)
	}
	return nil
}

// send sends until the input or ctx ends. Reading cannot be interrupted, so it
// happens in a goroutine, which after an interrupt runs until the process ends.
// A line that it has read before the interrupt is sent, one that it reads later is not, so the
// summary is complete.
func (c *pubCmd) send(ctx context.Context, e *environment, p *publication) error {
	result := make(chan error, 1)
	go func() { result <- p.send(ctx, e.stdin, c) }()
	select {
	case err := <-result:
		return err
	case <-ctx.Done():
		interrupted := time.Now()
		p.sending.Lock() // waits until the current line is sent and counted
		defer p.sending.Unlock()
		p.ended, p.waited = true, time.Since(interrupted)
		return nil
	}
}

// showsStatus reports whether a user sees the status of each second, and is not
// typing the lines to send, which it would tear apart.
func (e *environment) showsStatus() bool { return e.stderrTerminal && !e.stdinTerminal }

// progress prints the counters once a second.
func (p *publication) progress(ctx context.Context, e *environment) {
	for load.Sleep(ctx, time.Second) {
		s := p.standing()
		fmt.Fprintf(e.stderr, "sent %d, acked %d, lost %d, dropped %d, rtt %.0f us\n", s.Sent, s.Acked, s.Lost, s.Dropped, s.RTT)
	}
}
