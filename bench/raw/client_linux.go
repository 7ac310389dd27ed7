package raw

import (
	"context"
	"encoding/binary"
	"net"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/intentra/intentra/bench/contender"
)

// segments is the most datagrams of a GSO call (UDP_MAX_SEGMENTS in Linux).
const segments = 64

// Dial opens the sending side.
func (c Contender) Dial(_ context.Context, s contender.Setup, to contender.Target,
	echo func(contender.Client, []byte)) (contender.Client, error) {
	if c.Sockets {
		return dialSockets(s, to, echo)
	}
	return dialRuns(s, to, echo)
}

// runs is the Client that fills GSO calls: each sends one run of datagrams.
type runs struct {
	conn     *net.UDPConn
	raw      syscall.RawConn
	sessions []sealing
	nonce    [nonceSize]byte

	size    int // bytes of a datagram
	most    int // datagrams of a run
	buffer  []byte
	used    int // datagrams in buffer
	segment segmentControl
	vector  unix.Iovec
	header  unix.Msghdr
	sendmsg func(fd uintptr) bool
}

type segmentControl struct {
	unix.Cmsghdr
	size uint16
	_    [6]byte
}

func dialRuns(s contender.Setup, to contender.Target, echo func(contender.Client, []byte)) (*runs, error) {
	u, err := contender.DialUDP(to.Addr, s.Buffer)
	if err != nil {
		return nil, err
	}
	t := &runs{conn: u, size: datagramSize(s.Size), sessions: newSealings(s)}
	if t.raw, err = u.SyscallConn(); err != nil {
		_ = u.Close()
		return nil, err
	}
	t.most = min(segments, 65_000/t.size)
	t.buffer = make([]byte, t.most*t.size)
	t.segment.Level, t.segment.Type = unix.SOL_UDP, unix.UDP_SEGMENT
	t.segment.SetLen(unix.CmsgLen(2))
	t.segment.size = uint16(t.size)
	t.vector.Base = &t.buffer[0]
	t.header.Iov = &t.vector
	t.header.SetIovlen(1)
	t.header.Control = (*byte)(unsafe.Pointer(&t.segment))
	t.header.SetControllen(int(unsafe.Sizeof(t.segment)))
	t.sendmsg = t.send
	if echo != nil {
		go readEchoes(u, s, t, echo)
	}
	return t, nil
}

func newSealings(s contender.Setup) []sealing {
	sessions := make([]sealing, s.Connections)
	for i := range sessions {
		index := uint32(s.First + i)
		sessions[i] = sealing{aead: newAEAD(index, toReceiver), index: index}
	}
	return sessions
}

// Send seals the message into the run, which is sent when it is full.
func (t *runs) Send(i int, payload []byte, _ bool) bool {
	t.sessions[i].seal(t.buffer[t.used*t.size:(t.used+1)*t.size], &t.nonce, payload)
	if t.used++; t.used == t.most {
		t.Flush(0)
	}
	return true
}

// Flush sends the run, however short it is.
func (t *runs) Flush(int) {
	if t.used == 0 {
		return
	}
	t.vector.SetLen(t.used * t.size)
	t.used = 0
	_ = t.raw.Write(t.sendmsg)
}

func (t *runs) send(fd uintptr) (done bool) {
	_, _, errno := syscall.Syscall(unix.SYS_SENDMSG, fd, uintptr(unsafe.Pointer(&t.header)), 0)
	return errno != syscall.EAGAIN
}

func (*runs) Lanes() int { return 1 }

func (t *runs) Close() error { return t.conn.Close() }

// readEchoes opens the datagrams that come back on one socket.
func readEchoes(u *net.UDPConn, s contender.Setup, c contender.Client, echo func(contender.Client, []byte)) {
	openings := make([]opening, s.Connections)
	for i := range openings {
		openings[i].aead = newAEAD(uint32(s.First+i), toSender)
	}
	buf := make([]byte, 2048)
	var nonce [nonceSize]byte
	for {
		n, err := u.Read(buf)
		if err != nil {
			return
		}
		if n < headerSize+tagSize {
			continue
		}
		i := int(binary.BigEndian.Uint32(buf[4:])) - s.First
		if i < 0 || i >= len(openings) {
			continue
		}
		copy(nonce[4:], buf[8:headerSize])
		message, err := openings[i].aead.Open(buf[headerSize:headerSize], nonce[:], buf[headerSize:n], buf[:headerSize])
		if err == nil && openings[i].fresh(binary.BigEndian.Uint64(buf[8:])) {
			echo(c, message)
		}
	}
}
