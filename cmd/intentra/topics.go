package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/hub"
)

// hubFlags are the flags of the commands that ask a hub.
type hubFlags struct {
	Connect dialAddress        `required:"" placeholder:"ADDR" help:"HOST:PORT of the hub; several with commas between them are tried in turn."`
	Peer    intentra.PublicKey `required:"" placeholder:"PUBKEY" help:"The public key that the hub must have."`
	Key     fileName           `required:"" placeholder:"FILE" help:"Our private key file."`
	Suite   intentra.Suite     `default:"aesgcm" enum:"aesgcm,chachapoly" help:"The cipher suite: ${enum}."`
	Topic   string             `default:"**" placeholder:"PATTERN" help:"Which topics to show."`
}

func (c *hubFlags) connect(ctx context.Context, e *environment, command string, onConnection func(intentra.PeerEvent)) (*hub.Client, error) {
	if _, err := hub.ParsePattern(c.Topic); err != nil {
		return nil, usagef("%s: --topic: %w", command, err)
	}
	key, err := readKey(e, c.Key)
	if err != nil {
		return nil, err
	}
	if err := checkPeer(command, c.Peer, key); err != nil {
		return nil, err
	}
	client, err := hub.Dial(ctx, string(c.Connect), c.Peer, hub.ClientConfig{
		Transport: intentra.Config{Key: key, Suite: c.Suite, Logger: e.logger(slog.LevelError)}, OnConnection: onConnection,
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", command, notConnected(e, err))
	}
	return client, nil
}

// topicsTimeout is how long to wait for the first answer of a hub, and for its list.
const topicsTimeout = 10 * time.Second

// errNoAnswer is the cause of a context that ends after topicsTimeout.
var errNoAnswer = fmt.Errorf("the hub has not answered within %v", topicsTimeout)

// noHub returns err, or why the other side has not answered: it has not even said by which name
// it knows the client, and so it is no hub.
func noHub(client *hub.Client, err error) error {
	timeout := errors.Is(err, errNoAnswer) || errors.Is(err, errExpired) || errors.Is(err, context.DeadlineExceeded)
	if timeout && client.Name() == "" {
		return errors.New("the other side does not answer as a hub")
	}
	return err
}

// listError is noHub for a list that has not come.
func listError(client *hub.Client, err error) error {
	if no := noHub(client, err); no != err {
		return no
	}
	return fmt.Errorf("the hub has not sent its list: %w", err)
}

type topicsCmd struct {
	hubFlags
	JSON bool `name:"json" help:"Print each topic as one JSON object on a line of its own."`
}

func (c *topicsCmd) Help() string {
	return "Lists the topics of a hub that we may subscribe to, with what the hub has relayed of each. The last column is empty if the publisher is not connected."
}

func (c *topicsCmd) Run(e *environment) error {
	client, err := c.connect(e.ctx, e, "topics", nil)
	if err != nil {
		return err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(e.ctx, topicsTimeout)
	defer cancel()
	list, err := client.Topics(ctx, c.Topic)
	if err != nil {
		return fmt.Errorf("topics: %w", listError(client, err))
	}
	if c.JSON {
		for _, t := range list {
			if err := printJSON(e.stdout, t); err != nil {
				return err
			}
		}
		return nil
	}
	return writeTopics(e.stdout, list)
}

func writeTopics(w io.Writer, list []hub.TopicInfo) error {
	width := len("topic")
	for _, t := range list {
		width = max(width, len(t.Path))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%-*s %-8s %-10s %10s %12s %11s %s\n", width, "topic", "intent", "encoding", "updates", "bytes", "subscribers", "live")
	for _, t := range list {
		live := ""
		if t.Live {
			live = "yes"
		}
		encoding := t.Encoding
		if encoding == "" {
			encoding = "-"
		}
		line := fmt.Sprintf("%-*s %-8s %-10s %10d %12d %11d %s", width, t.Path, t.Intent, encoding, t.Updates, t.Bytes, t.Subscribers, live)
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}
