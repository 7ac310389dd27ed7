package alternatives

import (
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// flushWithin is how long a client waits for the server to know its subscription.
const flushWithin = 10 * time.Second

// NATS is a nats-server in this process, with a client for each member.
type NATS struct {
	server   *server.Server
	clients  []*nats.Conn
	subjects []string
}

// OpenNATS opens a server and its members, which subscribe to each other. Connections are
// not encrypted, and limits keep their defaults.
func OpenNATS(members int, deliver func(to int, payload []byte)) (*NATS, error) {
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true})
	if err != nil {
		return nil, err
	}
	s.Start()
	n := &NATS{server: s}
	if !s.ReadyForConnections(10 * time.Second) {
		return nil, errors.Join(errors.New("nats-server: not ready within 10 s"), n.Close())
	}
	for i := range members {
		if err := n.join(i, func(m *nats.Msg) { deliver(i, m.Data) }); err != nil {
			return nil, errors.Join(err, n.Close())
		}
	}
	return n, nil
}

func (n *NATS) join(i int, handle nats.MsgHandler) error {
	c, err := nats.Connect(n.server.ClientURL(), nats.NoEcho())
	if err != nil {
		return err
	}
	n.clients = append(n.clients, c)
	n.subjects = append(n.subjects, fmt.Sprintf("member-%d.state", i))
	if _, err := c.Subscribe("*.state", handle); err != nil {
		return err
	}
	return c.FlushTimeout(flushWithin)
}

// Send publishes a state of a member. The client collects what it sends.
func (n *NATS) Send(i int, payload []byte) error { return n.clients[i].Publish(n.subjects[i], payload) }

// Close closes the members and the server.
func (n *NATS) Close() error {
	for _, c := range n.clients {
		c.Close()
	}
	n.server.Shutdown()
	return nil
}
