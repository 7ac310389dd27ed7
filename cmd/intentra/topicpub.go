package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/hub"
	"github.com/intentra/intentra/internal/load"
)

// topicPublication publishes lines as updates of one topic of a hub.
type topicPublication struct {
	client *hub.Client
	topic  *hub.Publication
	pacer  *load.Pacer
	wait   bool // each line waits for room

	lines, dropped, bytes uint64
	start                 time.Time
	outcomes              hub.Outcomes // known once finish has returned
}

// topicSummary is the JSON line at the end of the output: lines = sent + unwanted +
// dropped. Of those sent, some may be lost, unsure or expired.
type topicSummary struct {
	Topic     string  `json:"topic"` // its path
	Lines     uint64  `json:"lines"`
	Sent      uint64  `json:"sent"`     // queued for the hub
	Unwanted  uint64  `json:"unwanted"` // not sent, because nothing subscribed
	Dropped   uint64  `json:"dropped"`  // not connected, or the hub refused the topic
	Lost      uint64  `json:"lost"`     // not acknowledged; of a Latest topic the newest value only
	Unsure    uint64  `json:"unsure"`   // acknowledged after a reconnection; see hub.Outcomes
	Expired   uint64  `json:"expired"`  // Reliable lines older than --ttl before they were acknowledged
	Bytes     uint64  `json:"bytes"`
	DurationS float64 `json:"duration_s"`
}

// publishTopic is Run with --topic.
func (c *pubCmd) publishTopic(e *environment, key intentra.PrivateKey, rec *recorder) error {
	link, ctx := newUplink(e.ctx, e.logger(slog.LevelInfo))
	wanted := make(chan struct{}, 1)
	client, err := hub.Dial(ctx, string(c.Connect), c.Peer, hub.ClientConfig{
		Transport: c.config(e, key, rec), OnConnection: link.peerEvent, Outcomes: true, OnDemand: whenWanted(wanted),
	})
	if err != nil {
		return notConnected(e, err)
	}
	want, err := c.topic()
	if err != nil {
		return err
	}
	answering, cancel := context.WithTimeoutCause(ctx, topicsTimeout, errNoAnswer)
	topic, err := client.Declare(answering, want)
	cancel()
	if err != nil {
		err = hubError(link, noHub(client, err))
		link.close()
		_ = client.Close()
		return err
	}
	awaitWanted(ctx, c.Intent, wanted)
	announceHub(e, client)
	p := &topicPublication{
		client: client, topic: topic, pacer: &load.Pacer{Start: load.Now(), Rate: c.Rate},
		wait: c.Rate == 0 || c.Intent == intentra.Reliable, start: time.Now(),
	}
	if most := client.Limits().Updates; most > 0 && c.Rate > float64(most) {
		e.warnf("the hub accepts %d lines per second from one publisher; --rate is %v, and pub keeps to the limit", most, c.Rate)
		p.wait = true
	}
	// Reading cannot be interrupted, so it happens in a goroutine, which after an
	// interrupt runs until the process ends.
	result := make(chan error, 1)
	ended := make(chan struct{})
	sending, sent := context.WithCancel(ctx)
	defer e.explainDelay(sending, "for acknowledgements", flushGrace)()
	go func() {
		result <- p.send(ctx, newLineReader(e.stdin, client.Peer().Transport().MaxMessageSize()), c.Repeat, ended)
	}()
	select {
	case err = <-result:
	case <-ctx.Done():
		close(ended)
	}
	sent()
	if err == nil {
		err = link.failure()
	}
	if finishErr := p.finish(link, flushGrace); err == nil {
		err = finishErr
	}
	p.warn(e)
	if summaryErr := e.summarize(p.summary()); err == nil {
		err = summaryErr
	}
	return err
}

// warn tells of lines that are neither lost nor known to be passed on.
func (p *topicPublication) warn(e *environment) {
	if n := p.outcomes.Unsure; n > 0 {
		e.warnf("%d lines were acknowledged only after a reconnection; if the hub has restarted, subscribers that came back after it had them have missed them", n)
	}
}

// whenWanted returns a function for ClientConfig.OnDemand that notifies wanted.
func whenWanted(wanted chan<- struct{}) func(*hub.Publication, bool) {
	return func(_ *hub.Publication, w bool) {
		if w {
			select {
			case wanted <- struct{}{}:
			default:
			}
		}
	}
}

// awaitWanted waits until the topic has a subscriber, at most for demandGrace: those that are there
// have to confirm a new topic first. Realtime lines that were sent before would be lost, and Latest
// ones replaced. Reliable ones wait at the hub.
func awaitWanted(ctx context.Context, i intentra.Intent, wanted <-chan struct{}) {
	if i == intentra.Reliable {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, demandGrace)
	defer cancel()
	select {
	case <-wanted:
	case <-ctx.Done():
	}
}

// topic returns the topic that the flags describe.
func (c *pubCmd) topic() (hub.Topic, error) {
	t := hub.Topic{Name: string(c.Topic), Intent: c.Intent, Encoding: c.Encoding, TTL: c.TTL, Priority: c.Priority, Stamp: c.Stamp}
	if c.Position != "" {
		pointers := strings.Split(c.Position, ",")
		if len(pointers) < 2 || len(pointers) > 3 {
			return t, usagef("pub: --position is %q; give two or three JSON pointers, such as /x,/y", c.Position)
		}
		t.Layout = &hub.Layout{X: hub.Field{Pointer: pointers[0]}, Y: hub.Field{Pointer: pointers[1]}}
		if len(pointers) == 3 {
			t.Layout.Z = &hub.Field{Pointer: pointers[2]}
		}
	}
	err := t.Validate()
	if without := t; err != nil && t.TTL != 0 {
		if without.TTL = 0; without.Validate() == nil {
			return t, usagef("pub: --ttl with --topic: %w", err)
		}
	}
	if err != nil {
		return t, usagef("pub: --topic: %w", err)
	}
	return t, nil
}

// announceHub prints that the client is connected and what it asked for is in force.
func announceHub(e *environment, c *hub.Client) {
	fmt.Fprintf(e.stderr, "connected %s key %s name %s\n", c.Peer().Addr(), c.Peer().Key(), c.Name())
}

// hubError returns the cause of err: the end of the connection if that is it.
func hubError(link *uplink, err error) error {
	if cause := link.failure(); cause != nil {
		return cause
	}
	return err
}

// send publishes the lines of r the given number of times, until ended is closed.
func (p *topicPublication) send(ctx context.Context, r *lineReader, times int, ended <-chan struct{}) error {
	var all [][]byte
	for {
		line, err := r.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		if times > 1 {
			all = append(all, slices.Clone(line))
			continue
		}
		if err := p.sendOne(ctx, line, ended); err != nil {
			return err
		}
	}
	for range times {
		for _, line := range all {
			if err := p.sendOne(ctx, line, ended); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *topicPublication) sendOne(ctx context.Context, line []byte, ended <-chan struct{}) (err error) {
	p.pacer.Wait(ctx)
	select {
	case <-ended:
		return context.Canceled
	default:
	}
	if p.wait {
		err = p.topic.SendWait(ctx, line)
	} else {
		err = p.topic.Send(line)
	}
	p.lines++
	p.bytes += uint64(len(line))
	if err == nil {
		return nil
	}
	p.dropped++
	if errors.Is(err, hub.ErrRefused) || errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("send line %d: %w", p.lines, err)
	}
	return nil // the summary counts it
}

// finish waits until the hub has acknowledged the Reliable lines or the newest value of a Latest
// topic, at most for grace, and closes the connection. It fails if some are not acknowledged.
// In that time the client declares the topic again if the hub restarts.
func (p *topicPublication) finish(link *uplink, grace time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	flushErr := p.client.Flush(ctx)
	p.outcomes = p.topic.Outcomes() // closing would decide those that are open
	failure := link.failure()
	link.close()
	closeErr := p.client.Shutdown(ctx)
	lost := p.outcomes.Open + p.outcomes.Lost
	switch {
	case failure != nil:
		return failure
	case lost > 0 && p.topic.Topic().Intent == intentra.Latest:
		return errors.New("the hub has not acknowledged the newest value")
	case lost > 0:
		return fmt.Errorf("%d of %d reliable messages were not acknowledged", lost, p.lines)
	}
	for _, err := range []error{flushErr, closeErr} {
		if err != nil && !isTimeout(err) && !errors.Is(err, net.ErrClosed) {
			return err
		}
	}
	return nil
}

func (p *topicPublication) summary() topicSummary {
	s := topicSummary{
		Topic: p.client.Name() + "/" + p.topic.Topic().Name,
		Lines: p.lines, Unwanted: p.topic.Unwanted(), Dropped: p.dropped, Bytes: p.bytes, DurationS: seconds(time.Since(p.start)),
		Lost: p.outcomes.Open + p.outcomes.Lost, Unsure: p.outcomes.Unsure, Expired: p.outcomes.Expired,
	}
	s.Sent = s.Lines - min(s.Lines, s.Unwanted+s.Dropped)
	return s
}
