package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/hub"
	"github.com/intentra/intentra/internal/nowait"
)

// topicFlags are the flags of sub that go with --topic.
type topicFlags struct {
	Topic   topicName `placeholder:"PATTERN" help:"With --connect to a hub: the topics to receive, such as 'robot-*/pose' or '**'."`
	MaxRate float64   `placeholder:"R" help:"With --topic: at most R updates per second of each topic, the newest ones."`
	Cached  bool      `help:"With --topic: begin with the newest value that the hub has of each topic."`
	Area    string    `placeholder:"AREA" help:"With --topic: only updates inside X,Y,RADIUS (a circle) or X1,Y1,X2,Y2 (a box), of topics that declare where their position is."`
	Format  string    `default:"payload" enum:"payload,json" help:"What to print of each message: its payload, or a JSON object with its path or channel, the key of its sender, its age in microseconds with a bound on the error if it carries a stamp (see pub --stamp), and its payload."`
}

// given reports whether a flag that needs --topic is given.
func (f *topicFlags) given() bool {
	return f.MaxRate != 0 || f.Cached || f.Area != ""
}

// subscription returns what the flags ask for.
func (f *topicFlags) subscription() (hub.Subscription, error) {
	s := hub.Subscription{Pattern: string(f.Topic), MaxRate: f.MaxRate, Cached: f.Cached, Buffer: subQueue}
	if _, err := hub.ParsePattern(string(f.Topic)); err != nil {
		return s, usagef("sub: --topic: %w", err)
	}
	if f.MaxRate != 0 && !(f.MaxRate >= 0.001 && f.MaxRate <= 1e6) {
		return s, usagef("sub: --max-rate is %v; give 0.001 to 1,000,000 updates per second", f.MaxRate)
	}
	if f.Area == "" {
		return s, nil
	}
	var v []float64
	for part := range strings.SplitSeq(f.Area, ",") {
		n, err := strconv.ParseFloat(strings.TrimSpace(part), 64)
		if err != nil || math.IsNaN(n) || math.IsInf(n, 0) {
			return s, usagef("sub: --area: %q is not a number", part)
		}
		v = append(v, n)
	}
	switch {
	case len(v) == 3 && v[2] >= 0:
		s.Area = hub.Circle(v[0], v[1], v[2])
	case len(v) == 4 && v[0] <= v[2] && v[1] <= v[3]:
		s.Area = hub.Box(v[0], v[1], v[2], v[3])
	default:
		return s, usagef("sub: --area is %q; give X,Y,RADIUS or X1,Y1,X2,Y2 with the lower corner first", f.Area)
	}
	return s, nil
}

// topicSubscription copies updates to an output.
type topicSubscription struct {
	out      *bufio.Writer
	json     bool
	want     uint64
	received uint64
	bytes    uint64
	start    time.Time
}

// topicSubSummary is the JSON line at the end of the output.
type topicSubSummary struct {
	Received   uint64  `json:"received"` // updates
	Bytes      uint64  `json:"bytes"`    // of their payloads
	Superseded uint64  `json:"superseded"`
	Dropped    uint64  `json:"dropped"`
	DurationS  float64 `json:"duration_s"`
}

// subscribeTopic is Run with --topic.
func (c *subCmd) subscribeTopic(e *environment, cfg intentra.Config, m *metricsServer) error {
	want, err := c.topicFlags.subscription()
	if err != nil {
		return err
	}
	link, ctx := newUplink(e.ctx, e.logger(slog.LevelInfo))
	ctx, cancel := c.limit(ctx)
	defer cancel()
	client, err := hub.Dial(ctx, string(c.Connect), c.Peer, hub.ClientConfig{Transport: cfg, OnConnection: link.peerEvent})
	if err != nil {
		return notConnected(e, err)
	}
	m.serve(e, client.Peer().Transport())
	s := &topicSubscription{out: bufio.NewWriterSize(nowait.Writer(e.stdout), subBuffer), json: c.Format == "json", want: c.Count, start: time.Now()}
	answering, stop := context.WithTimeoutCause(ctx, topicsTimeout, errNoAnswer)
	stream, err := client.Subscribe(answering, want)
	stop()
	subscribed := err == nil
	if subscribed {
		announceHub(e, client)
		err = s.copy(ctx, stream)
	} else if e.ctx.Err() == nil {
		err = noHub(client, err)
	}
	switch {
	case e.ctx.Err() != nil && !subscribed:
		err = fmt.Errorf("%w while subscribing", errInterrupted)
	case errors.Is(err, errExpired) && s.received < s.want:
		err = fmt.Errorf("received %d of %d updates within %v", s.received, s.want, c.Timeout)
	case errors.Is(err, errExpired), e.ctx.Err() != nil:
		err = nil
	default:
		err = hubError(link, err)
	}
	link.close()
	stats := client.Stats()
	grace, end := context.WithTimeout(context.Background(), closeGrace)
	defer end()
	_ = client.Shutdown(grace)
	summaryErr := e.summarize(topicSubSummary{
		Received: s.received, Bytes: s.bytes, Superseded: stats.Superseded, Dropped: stats.Dropped, DurationS: seconds(time.Since(s.start)),
	})
	return errors.Join(err, summaryErr)
}

var errExpired = errors.New("the time has expired")

// copy writes updates until it has the wanted number, or the stream or ctx ends. It
// flushes when no further update waits.
func (s *topicSubscription) copy(ctx context.Context, stream *hub.Stream) error {
	for {
		u, ok, err := stream.Poll()
		if !ok && err == nil {
			if err := flush(s.out); err != nil {
				return err
			}
			u, err = stream.Next(ctx)
		}
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				err = nil
			}
			return errors.Join(err, flush(s.out))
		}
		if err := s.write(u); err != nil {
			return err
		}
		s.bytes += uint64(len(u.Payload))
		if s.received++; s.received == s.want {
			return flush(s.out)
		}
	}
}

// printedUpdate is an update as a line of JSON.
type printedUpdate struct {
	Path      string             `json:"path"`
	Publisher string             `json:"publisher"`
	Key       intentra.PublicKey `json:"key"`
	Intent    intentra.Intent    `json:"intent"`
	Encoding  string             `json:"encoding,omitempty"`
	Cached    bool               `json:"cached"`
	// Gap says that reliable updates before this one are missing, because they had become
	// older than the topic allows.
	Gap bool `json:"gap,omitempty"`
	printedAge
	printedPayload
}

// printedAge is how old a message was when it arrived, if that is known.
type printedAge struct {
	AgeUS    *float64 `json:"age_us,omitempty"`
	WithinUS *float64 `json:"within_us,omitempty"`
}

func printAge(known bool, age, within time.Duration) (p printedAge) {
	if known {
		a, w := microseconds(age), microseconds(within)
		p.AgeUS, p.WithinUS = &a, &w
	}
	return p
}

// printedPayload is a payload, as text if it is UTF-8.
type printedPayload struct {
	Payload       *string `json:"payload,omitempty"`
	PayloadBase64 []byte  `json:"payload_base64,omitempty"`
}

func printPayload(b []byte) (p printedPayload) {
	if utf8.Valid(b) {
		text := string(b)
		p.Payload = &text
	} else {
		p.PayloadBase64 = b
	}
	return p
}

// printedMessage is a message without a topic as a line of JSON.
type printedMessage struct {
	Key     intentra.PublicKey `json:"key"`
	Channel uint32             `json:"channel"`
	Intent  intentra.Intent    `json:"intent"`
	printedAge
	printedPayload
}

// printMessage writes a message without a topic as a line of JSON. Errors of the output are
// returned by flush.
func printMessage(out *bufio.Writer, m *intentra.Received) error {
	return printLine(out, printedMessage{
		m.Peer.Key(), m.Channel, m.Intent, printAge(m.Stamp, m.Age, m.Within), printPayload(m.Payload),
	})
}

func printLine(out *bufio.Writer, line any) error {
	b, err := json.Marshal(line)
	if err != nil {
		return fmt.Errorf("printing a message: %w", err)
	}
	_, _ = out.Write(b)
	_ = out.WriteByte('\n')
	return nil
}

// write writes one line. Errors of the output are returned by flush.
func (s *topicSubscription) write(u hub.Update) error {
	if !s.json {
		_, _ = s.out.Write(u.Payload)
		_ = s.out.WriteByte('\n')
		return nil
	}
	return printLine(s.out, printedUpdate{
		Path: u.Path(), Publisher: u.Publisher.Name, Key: u.Publisher.Key,
		Intent: u.Topic.Intent, Encoding: u.Topic.Encoding, Cached: u.Cached, Gap: u.Gap,
		printedAge: printAge(u.Stamp, u.Age, u.Within), printedPayload: printPayload(u.Payload),
	})
}

// refusedByHub returns an error if a message is that of a hub to a peer that sends or
// expects messages without a topic.
func refusedByHub(m intentra.Message, command string) error {
	if m.Channel != hub.ControlChannel || m.Intent != intentra.Reliable {
		return nil
	}
	var control struct{ Type, For, Code string }
	if json.Unmarshal(m.Payload, &control) != nil || control.Type != "error" || control.Code != "undeclared" && control.Code != "hello" {
		return nil
	}
	if command == "pub" {
		return errors.New("the other side is a hub, which relays topics only: give --topic NAME")
	}
	return errors.New("the other side is a hub, which relays topics only: give --topic PATTERN, such as '**'")
}
