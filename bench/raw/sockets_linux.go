package raw

import (
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/intentra/intentra/bench/contender"
)

// sockets sends each datagram with one system call, on the socket of its
// connection.
type sockets struct {
	files    []int
	sessions []sealing
	nonce    [nonceSize]byte
	buffer   []byte
}

func dialSockets(s contender.Setup, to contender.Target, echo func(contender.Client, []byte)) (contender.Client, error) {
	if echo != nil {
		return nil, fmt.Errorf("raw-nogso: echoes: %w", contender.ErrUnsupported)
	}
	addr, err := netip.ParseAddrPort(to.Addr)
	if err != nil {
		return nil, err
	}
	c := &sockets{sessions: newSealings(s), buffer: make([]byte, datagramSize(s.Size))}
	for range s.Connections {
		fd, err := contender.DialFile(addr, s.Buffer)
		if err != nil {
			_ = c.Close()
			return nil, err
		}
		c.files = append(c.files, fd)
	}
	return c, nil
}

func (c *sockets) Send(i int, payload []byte, _ bool) bool {
	_, err := unix.Write(c.files[i], c.sessions[i].seal(c.buffer, &c.nonce, payload))
	return err == nil
}

func (*sockets) Flush(int) {}

func (*sockets) Lanes() int { return 1 }

func (c *sockets) Close() error {
	for _, fd := range c.files {
		_ = unix.Close(fd)
	}
	return nil
}
