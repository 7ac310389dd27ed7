package raw

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/intentra/intentra/bench/contender"
)

const (
	slots    = 64
	slotSize = 64 << 10
)

// mmsghdr is struct mmsghdr of recvmmsg(2).
type mmsghdr struct {
	unix.Msghdr
	n uint32
}

// control has room for the one control message that is requested, UDP_GRO.
type control struct {
	unix.Cmsghdr
	segment int32
	_       int32
}

type server struct {
	conn     *net.UDPConn
	raw      syscall.RawConn
	sessions []opening
	handle   func(payload []byte) (echo bool)
	current  uint32 // the session of the message that handle is called with
	nonce    [nonceSize]byte

	headers  [slots]mmsghdr
	vectors  [slots]unix.Iovec
	names    [slots]unix.RawSockaddrInet4
	controls [slots]control
	buffer   []byte
	got      int

	datagrams                         atomic.Uint64
	short, unknown, limited, replayed atomic.Uint64
	forged                            atomic.Uint64
	ended                             chan struct{}
}

// Serve opens a receiver with keys for s.Connections connections.
func (Contender) Serve(_ context.Context, s contender.Setup, sink *contender.Sink) (contender.Server, error) {
	c, err := contender.ListenUDP(s.Buffer)
	if err != nil {
		return nil, err
	}
	v := &server{conn: c, handle: sink.Lane().Deliver, ended: make(chan struct{})}
	if err := v.open(s.Connections); err != nil {
		_ = c.Close()
		return nil, err
	}
	go v.loop()
	return v, nil
}

func (v *server) open(connections int) (err error) {
	if v.raw, err = v.conn.SyscallConn(); err != nil {
		return err
	}
	ctlErr := v.raw.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.SOL_UDP, unix.UDP_GRO, 1) })
	if err := errors.Join(ctlErr, os.NewSyscallError("setsockopt UDP_GRO", err)); err != nil {
		return err
	}
	v.sessions = make([]opening, connections)
	now := time.Now().UnixNano()
	for i := range v.sessions {
		index := uint32(i)
		v.sessions[i] = opening{aead: newAEAD(index, toReceiver), tokens: tokenBurst, last: now,
			reply: sealing{aead: newAEAD(index, toSender), index: index}}
	}
	v.buffer = make([]byte, slots*slotSize)
	for i := range v.headers {
		v.vectors[i].Base = &v.buffer[i*slotSize]
		v.vectors[i].SetLen(slotSize)
		h := &v.headers[i]
		h.Iov = &v.vectors[i]
		h.SetIovlen(1)
		h.Name = (*byte)(unsafe.Pointer(&v.names[i]))
		h.Control = (*byte)(unsafe.Pointer(&v.controls[i]))
	}
	return nil
}

func (v *server) loop() {
	defer close(v.ended)
	readable := v.receive
	for {
		for i := range v.headers {
			v.headers[i].Namelen = unix.SizeofSockaddrInet4
			v.headers[i].SetControllen(int(unsafe.Sizeof(v.controls[i])))
		}
		if v.raw.Read(readable) != nil {
			return
		}
		now := time.Now().UnixNano()
		datagrams := 0
		for i := range v.got {
			datagrams += v.run(i, now)
		}
		v.datagrams.Add(uint64(datagrams))
	}
}

func (v *server) receive(fd uintptr) (done bool) {
	n, _, errno := syscall.Syscall6(unix.SYS_RECVMMSG, fd,
		uintptr(unsafe.Pointer(&v.headers[0])), slots, unix.MSG_DONTWAIT, 0, 0)
	v.got = int(n)
	if errno != 0 {
		v.got = 0
	}
	return errno != syscall.EAGAIN
}

// run handles the datagrams of one slot.
func (v *server) run(i int, now int64) (datagrams int) {
	h, c := &v.headers[i], &v.controls[i]
	b := v.buffer[i*slotSize:][:h.n]
	size := len(b)
	if h.Controllen >= unix.SizeofCmsghdr+4 && c.Level == unix.SOL_UDP && c.Type == unix.UDP_GRO {
		size = int(c.segment)
	}
	for len(b) > 0 {
		n := min(size, len(b))
		v.datagram(b[:n], now, i)
		b = b[n:]
		datagrams++
	}
	return datagrams
}

func (v *server) datagram(b []byte, now int64, slot int) {
	if len(b) < headerSize+tagSize || b[0] != kindData {
		v.short.Add(1)
		return
	}
	index := binary.BigEndian.Uint32(b[4:])
	if uint64(index) >= uint64(len(v.sessions)) {
		v.unknown.Add(1)
		return
	}
	s := &v.sessions[index]
	if !s.allow(now) {
		v.limited.Add(1)
		return
	}
	counter := binary.BigEndian.Uint64(b[8:])
	binary.BigEndian.PutUint64(v.nonce[4:], counter)
	sealed := b[headerSize:]
	message, err := s.aead.Open(sealed[:0], v.nonce[:], sealed, b[:headerSize])
	if err != nil {
		v.forged.Add(1)
		return
	}
	if !s.fresh(counter) {
		v.replayed.Add(1)
		return
	}
	v.current = index
	if v.handle(message) {
		v.echo(s, message, slot)
	}
}

// echo sends a message back to the source address of its slot.
func (v *server) echo(s *opening, message []byte, slot int) {
	b := make([]byte, datagramSize(len(message)))
	var nonce [nonceSize]byte
	b = s.reply.seal(b, &nonce, message)
	name := &v.names[slot]
	_ = v.raw.Write(func(fd uintptr) bool {
		_, _, errno := syscall.Syscall6(unix.SYS_SENDTO, fd, uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), 0,
			uintptr(unsafe.Pointer(name)), unix.SizeofSockaddrInet4)
		return errno != syscall.EAGAIN
	})
}

func (v *server) Target() contender.Target {
	return contender.Target{Addr: v.conn.LocalAddr().String()}
}

func (v *server) Facts() contender.Facts {
	f := contender.Facts{Datagrams: v.datagrams.Load(), Drops: map[string]uint64{
		"short": v.short.Load(), "unknown": v.unknown.Load(), "limited": v.limited.Load(),
		"forged": v.forged.Load(), "replayed": v.replayed.Load(),
	}}
	f.ReadBuffer, f.WriteBuffer = contender.GrantedBuffers(v.conn)
	return f
}

func (v *server) Close() error {
	err := v.conn.Close()
	<-v.ended
	return err
}
