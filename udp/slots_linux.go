package udp

import (
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// slots are what a recvmmsg call writes to. A socket has some only from a read that finds
// datagrams until the next one that finds none. So sockets that wait need no buffers, and
// where many share a process, datagrams are copied to memory that is in the caches.
//
// hdrs[i] points at names[i], controls[i] and, through iovs[i], at slot(i) of buf.
type slots struct {
	hdrs     []mmsghdr
	iovs     []unix.Iovec
	names    []sockaddr
	controls []receiveControl
	buf      []byte
	slotShape
}

// slotShape says for which sockets slots are suitable.
type slotShape struct {
	batch int // number of slots
	size  int // size of a slot, in bytes
	room  int // how many bytes of a receiveControl the kernel may write
}

func newSlots(shape slotShape) *slots {
	n := shape.batch
	s := &slots{
		hdrs: make([]mmsghdr, n), iovs: make([]unix.Iovec, n), names: make([]sockaddr, n),
		controls: make([]receiveControl, n), buf: make([]byte, n*shape.size), slotShape: shape,
	}
	for i := range s.hdrs {
		s.iovs[i].Base = &s.slot(i)[0]
		s.iovs[i].SetLen(s.size)
		s.hdrs[i].Iov = &s.iovs[i]
		s.hdrs[i].SetIovlen(1)
		s.hdrs[i].Name = &s.names[i][0]
		s.hdrs[i].Control = (*byte)(unsafe.Pointer(&s.controls[i]))
		s.hdrs[i].offer(s.room)
	}
	return s
}

func (s *slots) slot(i int) []byte { return s.buf[i*s.size : (i+1)*s.size] }

// shelf holds the slots of one shape that no socket has. New ones are made only while it is
// empty, so there are never more slots than sockets.
type shelf struct {
	shape slotShape

	mu    sync.Mutex
	users int      // open sockets
	spare []*slots // the latest is taken first, since it is most likely to be in the caches
}

// shelves has a shelf for each shape that an open socket has.
var shelves = struct {
	sync.Mutex
	byShape map[slotShape]*shelf
}{byShape: make(map[slotShape]*shelf)}

// joinShelf returns the shelf for a new socket, which calls leave when it closes.
func joinShelf(shape slotShape) *shelf {
	shelves.Lock()
	defer shelves.Unlock()
	s := shelves.byShape[shape]
	if s == nil {
		s = &shelf{shape: shape}
		shelves.byShape[shape] = s
	}
	s.resize(1)
	return s
}

// leave is called once for each joinShelf.
func (s *shelf) leave() {
	shelves.Lock()
	defer shelves.Unlock()
	if s.resize(-1) == 0 {
		delete(shelves.byShape, s.shape)
	}
}

// resize changes the number of sockets. Without them, spare slots are left to the garbage
// collector.
func (s *shelf) resize(by int) (users int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.users += by
	if keep := min(len(s.spare), s.users); keep < len(s.spare) {
		clear(s.spare[keep:])
		s.spare = s.spare[:keep]
	}
	return s.users
}

func (s *shelf) take() *slots {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.spare)
	if n == 0 {
		return newSlots(s.shape)
	}
	taken := s.spare[n-1]
	s.spare[n-1] = nil
	s.spare = s.spare[:n-1]
	return taken
}

func (s *shelf) put(taken *slots) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.spare) < s.users { // else the socket has been closed while it read
		s.spare = append(s.spare, taken)
	}
}
