package udp

import (
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// control is the room for the control messages that come with what was
// received: those that the socket asks for, and no more. What else the kernel
// might want to say is cut off and flagged (MSG_CTRUNC).
type control struct {
	_    [0]uint64 // as aligned as struct cmsghdr
	data [sizeofControl]byte
}

const (
	sizeofCmsghdr = unix.SizeofCmsghdr
	// Of SO_RXQ_OVFL and UDP_GRO, an int each, and of SCM_TIMESTAMPNS, a
	// struct timespec.
	sizeofControl = 2*(sizeofCmsghdr+sizeofWord) + sizeofCmsghdr + sizeofTimespec

	sizeofWord     = int(unsafe.Sizeof(uintptr(0))) // CMSG_ALIGN(sizeof(int))
	sizeofTimespec = int(unsafe.Sizeof(unix.Timespec{}))
)

// notes is what control messages have said.
type notes struct {
	// segment is the length of all datagrams of a coalesced run but the last,
	// which may be shorter; zero if it is one datagram.
	segment int
	// dropped is how many times the socket had dropped for want of room when
	// this was queued, modulo 2^32; told only once it is not zero.
	dropped     uint32
	toldDropped bool
	// at is when the kernel took it in, nanoseconds of the real-time clock;
	// zero if it did not say.
	at int64
}

// parse reads the first size bytes, which the kernel has written. It leaves
// out what it does not know, and what is cut short.
func (c *control) parse(size int) (n notes) {
	for b := c.data[:min(size, sizeofControl)]; len(b) >= sizeofCmsghdr; {
		h := (*unix.Cmsghdr)(unsafe.Pointer(unsafe.SliceData(b)))
		end := int(h.Len)
		if end < sizeofCmsghdr || end > len(b) {
			return n
		}
		value := b[sizeofCmsghdr:end]
		switch {
		case h.Level == unix.SOL_UDP && h.Type == unix.UDP_GRO && len(value) == 4:
			n.segment = int(*(*int32)(unsafe.Pointer(unsafe.SliceData(value))))
		case h.Level == unix.SOL_SOCKET && h.Type == unix.SO_RXQ_OVFL && len(value) == 4:
			n.dropped, n.toldDropped = *(*uint32)(unsafe.Pointer(unsafe.SliceData(value))), true
		case h.Level == unix.SOL_SOCKET && h.Type == unix.SCM_TIMESTAMPNS && len(value) == sizeofTimespec:
			ts := (*unix.Timespec)(unsafe.Pointer(unsafe.SliceData(value)))
			n.at = ts.Nano()
		}
		b = b[min((end+sizeofWord-1)&^(sizeofWord-1), len(b)):]
	}
	return n
}

// segmentControl is the control message that has sendmsg cut its data into
// datagrams (UDP_SEGMENT).
type segmentControl struct {
	unix.Cmsghdr
	size uint16
	_    [sizeofWord - 2]byte
}

const sizeofSegmentControl = int(unsafe.Sizeof(segmentControl{}))

func (c *segmentControl) set(size int) {
	c.Level, c.Type = unix.SOL_UDP, unix.UDP_SEGMENT
	c.SetLen(sizeofCmsghdr + 2)
	c.size = uint16(size)
}

// probe asks the socket for what it can do, and turns on what it is to do for
// reception. A sandbox that plays Linux, or an old kernel, may lack any of it:
// UDP_SEGMENT came with Linux 4.18, UDP_GRO with 5.0.
func probe(raw syscall.RawConn, cfg Config) (f features, err error) {
	err = raw.Control(func(fd uintptr) {
		s := int(fd)
		// From the socket's first moment, so nothing is missed that was
		// dropped before.
		_ = unix.SetsockoptInt(s, unix.SOL_SOCKET, unix.SO_RXQ_OVFL, 1)
		f.stamps = cfg.MaxQueueDelay > 0 && unix.SetsockoptInt(s, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1) == nil
		f.gro = !cfg.DisableGRO && unix.SetsockoptInt(s, unix.SOL_UDP, unix.UDP_GRO, 1) == nil
		// Zero means no segmentation where a message does not say otherwise.
		f.gso = !cfg.DisableGSO && unix.SetsockoptInt(s, unix.SOL_UDP, unix.UDP_SEGMENT, 0) == nil
	})
	return f, err
}

type features struct{ gso, gro, stamps bool }

// age returns how long ago at was by the real-time clock, zero if it is not
// known or the clock has been put back.
func age(at int64, now time.Time) time.Duration {
	if at == 0 {
		return 0
	}
	return max(time.Duration(now.UnixNano()-at), 0)
}
