package raw

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/intentra/intentra/bench/contender"
)

// What we chose, as intentra does: the largest datagram, how long the relay waits for
// more messages, and from how many bytes on it does not.
const (
	relayDatagram = 8972
	relayWait     = 2 * time.Millisecond
	relayEnough   = 16 << 10
	relayBuffer   = 4 << 20 // of each socket
	relayRun      = 65_000  // bytes of a GSO call
	lengthSize    = 2       // of a message's length before it
)

// Relay is the hand-written loop of a hub: one goroutine reads a socket, opens what its
// members have sent, and copies it into the packets of all others, which it seals and
// sends. Each member has a socket, and a goroutine that reads it.
type Relay struct {
	server
	members []*relayMember
	log     []byte // messages that have not been sent, each after its length
	entries []relayed
	sent    time.Time

	out     []byte // datagrams for one member
	call    relayCall
	sendmsg func(fd uintptr) (done bool)
}

// relayed is a message in the log.
type relayed struct{ from, to, owner int }

// relayCall is a GSO call.
type relayCall struct {
	name    unix.RawSockaddrInet4
	segment segmentControl
	vector  unix.Iovec
	header  unix.Msghdr
}

// relayMember is one member, and the relay's side of it.
type relayMember struct {
	conn    *net.UDPConn
	up      sealing
	upNonce [nonceSize]byte
	sealed  []byte

	opening opening
	nonce   [nonceSize]byte
	buffer  []byte

	down sealing
	addr unix.RawSockaddrInet4
}

// OpenRelay opens a relay and its members. deliver is called with each message that
// arrives at a member, from one goroutine for each member.
func OpenRelay(_ context.Context, members int, deliver func(to int, payload []byte)) (*Relay, error) {
	conn, err := contender.ListenUDP(relayBuffer)
	if err != nil {
		return nil, err
	}
	r := &Relay{server: server{conn: conn, ended: make(chan struct{})}, out: make([]byte, 0, relayRun+relayDatagram)}
	if err := r.open(members); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	r.call.init()
	r.sendmsg = r.call.send
	r.handle = r.record
	for i := range members {
		m, err := r.join(i)
		if err != nil {
			return nil, errors.Join(err, r.closeAll())
		}
		go m.read(func(payload []byte) { deliver(i, payload) })
	}
	go r.relay()
	return r, nil
}

// record appends a message of the current session to the log.
func (r *Relay) record(payload []byte) (echo bool) {
	from := len(r.log)
	r.log = binary.BigEndian.AppendUint16(r.log, uint16(len(payload)))
	r.log = append(r.log, payload...)
	r.entries = append(r.entries, relayed{from, len(r.log), int(r.current)})
	return false
}

// join opens the socket of a member.
func (r *Relay) join(i int) (*relayMember, error) {
	conn, err := contender.DialUDP(r.conn.LocalAddr().String(), relayBuffer)
	if err != nil {
		return nil, err
	}
	index := uint32(i)
	m := &relayMember{
		conn: conn, buffer: make([]byte, slotSize), sealed: make([]byte, relayDatagram),
		up: sealing{aead: newAEAD(index, toReceiver), index: index}, down: sealing{aead: newAEAD(index, toSender), index: index},
		opening: opening{aead: newAEAD(index, toSender)},
	}
	r.members = append(r.members, m)
	addr := conn.LocalAddr().(*net.UDPAddr).AddrPort()
	m.addr = unix.RawSockaddrInet4{Family: unix.AF_INET, Addr: addr.Addr().As4()}
	binary.BigEndian.PutUint16((*[2]byte)(unsafe.Pointer(&m.addr.Port))[:], addr.Port())
	rc, err := conn.SyscallConn()
	if err != nil {
		return nil, err
	}
	ctlErr := rc.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.SOL_UDP, unix.UDP_GRO, 1) })
	return m, errors.Join(ctlErr, os.NewSyscallError("setsockopt UDP_GRO", err))
}

// Send publishes a message of member i. It is called from one goroutine at a time for
// each member.
func (r *Relay) Send(i int, payload []byte) error {
	m := r.members[i]
	_, err := m.conn.Write(m.up.seal(m.sealed, &m.upNonce, payload))
	return err
}

// Close closes all sockets.
func (r *Relay) Close() error {
	err := r.closeAll()
	<-r.ended
	return err
}

func (r *Relay) closeAll() error {
	err := r.conn.Close()
	for _, m := range r.members {
		err = errors.Join(err, m.conn.Close())
	}
	return err
}

func (r *Relay) relay() {
	defer close(r.ended)
	readable := r.receive
	for {
		for i := range r.headers {
			r.headers[i].Namelen = unix.SizeofSockaddrInet4
			r.headers[i].SetControllen(int(unsafe.Sizeof(r.controls[i])))
		}
		var deadline time.Time
		if len(r.entries) > 0 {
			deadline = r.sent.Add(relayWait)
		}
		_ = r.conn.SetReadDeadline(deadline)
		r.got = 0
		if err := r.raw.Read(readable); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			return
		}
		now := time.Now()
		for i := range r.got {
			r.datagrams.Add(uint64(r.run(i, now.UnixNano())))
		}
		if len(r.entries) > 0 && (len(r.log) >= relayEnough || now.Sub(r.sent) >= relayWait) {
			r.sent = now
			r.distribute()
		}
	}
}

// distribute sends the log to all members.
func (r *Relay) distribute() {
	for i, m := range r.members {
		size := 0 // of the datagrams of the call; only the last may be shorter
		for next := 0; next < len(r.entries); {
			if n := len(r.out); n > 0 && (n+relayDatagram > relayRun || n%size != 0) {
				r.transmit(m, size)
			}
			start := len(r.out)
			next = r.fill(next, i)
			if len(r.out) == start+headerSize {
				r.out = r.out[:start] // the rest are its own
				break
			}
			r.seal(m, start)
			if start == 0 {
				size = len(r.out)
			}
		}
		if len(r.out) > 0 {
			r.transmit(m, size)
		}
	}
	r.log, r.entries = r.log[:0], r.entries[:0]
}

// fill appends a datagram with messages from the log, except those of member i, and
// returns the message after them.
func (r *Relay) fill(next, i int) int {
	r.out = append(r.out, make([]byte, headerSize)...)
	from, to := 0, 0 // messages that follow each other, which are copied together
	room := relayDatagram - headerSize - tagSize
	for ; next < len(r.entries); next++ {
		e := r.entries[next]
		if e.owner == i {
			continue
		}
		if e.to-e.from > room {
			break
		}
		if e.from != to {
			r.out = append(r.out, r.log[from:to]...)
			from = e.from
		}
		to = e.to
		room -= e.to - e.from
	}
	r.out = append(r.out, r.log[from:to]...)
	return next
}

// seal seals the datagram that begins at start, in place.
func (r *Relay) seal(m *relayMember, start int) {
	s, d := &m.down, r.out[start:]
	s.counter++
	binary.BigEndian.PutUint32(d, kindData<<24)
	binary.BigEndian.PutUint32(d[4:], s.index)
	binary.BigEndian.PutUint64(d[8:], s.counter)
	binary.BigEndian.PutUint64(r.nonce[4:], s.counter)
	sealed := s.aead.Seal(d[headerSize:headerSize], r.nonce[:], d[headerSize:], d[:headerSize])
	r.out = r.out[:start+headerSize+len(sealed)]
}

// transmit sends the datagrams in out.
func (r *Relay) transmit(m *relayMember, size int) {
	c := &r.call
	c.name, c.segment.size = m.addr, uint16(size)
	c.vector.Base = &r.out[0]
	c.vector.SetLen(len(r.out))
	c.header.Control = nil
	c.header.SetControllen(0)
	if len(r.out) > size {
		c.header.Control = (*byte)(unsafe.Pointer(&c.segment))
		c.header.SetControllen(int(unsafe.Sizeof(c.segment)))
	}
	_ = r.raw.Write(r.sendmsg)
	r.out = r.out[:0]
}

func (c *relayCall) init() {
	c.segment.Level, c.segment.Type = unix.SOL_UDP, unix.UDP_SEGMENT
	c.segment.SetLen(unix.CmsgLen(2))
	c.header.Iov = &c.vector
	c.header.SetIovlen(1)
	c.header.Name, c.header.Namelen = (*byte)(unsafe.Pointer(&c.name)), unix.SizeofSockaddrInet4
}

func (c *relayCall) send(fd uintptr) (done bool) {
	_, _, errno := syscall.Syscall(unix.SYS_SENDMSG, fd, uintptr(unsafe.Pointer(&c.header)), 0)
	return errno != syscall.EAGAIN
}

// read opens the datagrams of a member, and calls deliver with their messages.
func (m *relayMember) read(deliver func(payload []byte)) {
	control := make([]byte, unix.CmsgSpace(4))
	for {
		n, oobn, _, _, err := m.conn.ReadMsgUDPAddrPort(m.buffer, control)
		if err != nil {
			return
		}
		b, size := m.buffer[:n], n
		if oobn >= unix.CmsgLen(4) {
			size = int(binary.NativeEndian.Uint32(control[unix.CmsgLen(0):]))
		}
		for len(b) > 0 {
			d := b[:min(size, len(b))]
			b = b[len(d):]
			if len(d) < headerSize+tagSize {
				continue
			}
			copy(m.nonce[4:], d[8:headerSize])
			messages, err := m.opening.aead.Open(d[headerSize:headerSize], m.nonce[:], d[headerSize:], d[:headerSize])
			if err != nil || !m.opening.fresh(binary.BigEndian.Uint64(d[8:])) {
				continue
			}
			for len(messages) >= lengthSize {
				end := lengthSize + int(binary.BigEndian.Uint16(messages))
				deliver(messages[lengthSize:end])
				messages = messages[end:]
			}
		}
	}
}
