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
	Rate    float64            `default:"0" help:"Messages per second; 0 for as fast as the connection allows. With --topic, pub keeps to what the hub accepts from one publisher, by default 10,000 lines and 4 MiB per second."`
	Intent  intentra.Intent    `default:"realtime" enum:"realtime,latest,reliable" help:"How the messages travel: ${enum}."`
	Suite   intentra.Suite     `default:"aesgcm" enum:"aesgcm,chachapoly" help:"The cipher suite: ${enum}."`

	TTL      time.Duration     `name:"ttl" placeholder:"D" help:"How long a line is of use, such as 200ms: one that would leave later is dropped, at a hub too. 0s, the default, means for ever."`
	Priority intentra.Priority `default:"normal" enum:"low,normal,high,urgent" help:"Which lines leave first, if several wait: ${enum}. A hub passes them on with the same priority."`
	Stamp    bool              `help:"Send the time of each line along, so that the receiver knows its age, whatever the clocks show; see --format json of sub. 10 bytes more."`

	Channel uint32    `default:"0" help:"The channel to send on, if the other side is no hub."`
	Topic   topicName `placeholder:"NAME" help:"The other side is a hub: publish the lines as updates of this topic. Its path begins with the name that the hub has for us."`

	Encoding string `placeholder:"TEXT" help:"With --topic: tell subscribers what a line is, such as json."`
	Position string `placeholder:"X,Y[,Z]" help:"With --topic and lines of JSON: where a position is, as JSON pointers such as /x,/y, for subscribers with --area."`

	retryFlag
	Repeat int `default:"1" help:"Send all lines this many times; if above 1, all lines are read into memory first."`
	socketFlags
	recordFlags
	configFlag
}

func (c *pubCmd) Help() string {
	return "Every line is a message, without its newline; an empty line is an empty message. Prints 'connected HOST:PORT key PUBKEY' " +
		"(the other side's) on standard error once it can send. A line has at most 65,536 bytes. At the end pub waits up to 10 s for outstanding acknowledgements " +
		"and prints a JSON summary on standard error, where lines = acked + lost + superseded + expired + dropped. With --topic, lines = sent + unwanted + dropped: " +
		"unwanted lines had no subscriber. Of those sent, the hub has not acknowledged those lost, and unsure ones only after a reconnection: if the hub has restarted, it has passed them on only to subscribers that were back before, and pub warns; of a latest topic only the newest value can be lost. " +
		"It exits with 1 if a line is too long, if reliable messages stay unacknowledged, or if the hub does not acknowledge the newest value of a latest topic. " +
		"If the connection is lost, pub reconnects."
}

func (c *pubCmd) check() error {
	if !(c.Rate >= 0) || math.IsInf(c.Rate, 0) {
		return usagef("pub: --rate is %v; give messages per second, or 0 for no limit", c.Rate)
	}
	if c.Repeat < 1 {
		return usagef("pub: --repeat is %d; give 1 or more", c.Repeat)
	}
	if c.TTL < 0 {
		return usagef("pub: --ttl is %v; give a duration such as 200ms, or 0s for no limit", c.TTL)
	}
	switch {
	case c.Topic != "" && c.Channel != 0:
		return usagef("pub: --topic excludes --channel: the hub numbers the channels")
	case c.Topic == "" && (c.Encoding != "" || c.Position != ""):
		return usagef("pub: --encoding and --position need --topic")
	}
	if c.Topic != "" {
		if _, err := c.topic(); err != nil {
			return err
		}
	}
	return c.socketFlags.check("pub")
}

// prepare checks the flags and reads the key.
func (c *pubCmd) prepare(e *environment) (key intentra.PrivateKey, err error) {
	if err := c.check(); err != nil {
		return key, err
	}
	if key, err = readKey(e, c.Key); err != nil {
		return key, err
	}
	return key, checkPeer("pub", c.Peer, key)
}

func (c *pubCmd) Run(e *environment) (err error) {
	key, err := c.prepare(e)
	if err != nil {
		return err
	}
	rec, err := c.recordFlags.open(e)
	if err != nil {
		return fmt.Errorf("pub: %w", err)
	}
	defer func() { err = rec.close(e, err) }()
	if c.Topic != "" {
		if err := c.publishTopic(e, key, rec); err != nil {
			return fmt.Errorf("pub: %w", err)
		}
		return nil
	}
	link, ctx := newUplink(e.ctx, e.logger(slog.LevelInfo))
	cfg := c.config(e, key, rec)
	cfg.OnPeer, cfg.Handler = link.peerEvent, func(m intentra.Received) { link.refused(refusedByHub(m.Message, "pub")) }
	peer, err := intentra.Dial(ctx, string(c.Connect), c.Peer, cfg)
	if err != nil {
		return fmt.Errorf("pub: %w", notConnected(e, err))
	}
	fmt.Fprintf(e.stderr, "connected %s key %s\n", peer.Addr(), peer.Key())
	p := &publication{peer: peer, intent: c.Intent, start: time.Now()}
	if e.showsStatus() {
		go p.progress(ctx, e)
	}
	sending, sent := context.WithCancel(ctx)
	defer e.explainDelay(sending, "for acknowledgements", flushGrace)()
	err = c.send(ctx, e, p)
	if p.lines.Load() > 0 {
		load.Sleep(ctx, hubAnswer-time.Since(p.start))
	}
	sent()
	if err == nil {
		err = link.failure()
	}
	link.close()
	finishErr := p.finish(flushGrace)
	if err == nil {
		err = link.failure() // which a hub may have sent before that
	}
	if err == nil {
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

// config returns what the flags ask for, with and without --topic.
func (c *pubCmd) config(e *environment, key intentra.PrivateKey, rec *recorder) intentra.Config {
	cfg := intentra.Config{
		Key: key, Suite: c.Suite, Logger: e.logger(slog.LevelError), Record: rec.writer(),
		Socket: c.socketFlags.config(), PeerBandwidth: valueOr(c.PeerBandwidth, 0),
	}
	c.retryFlag.apply(e, c.Connect, &cfg)
	return cfg
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
