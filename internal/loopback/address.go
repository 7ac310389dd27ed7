package loopback

import (
	"net/netip"
	"os"
	"runtime"
	"sync/atomic"
)

// The ports of Address. Systems give sockets that ask for any port one from 32768 on (Linux)
// or from 49152 on (elsewhere), so no other program is given one of these.
const (
	firstPort = 20_000
	ports     = 12_000
)

var addresses atomic.Uint32

// Address returns an address for sockets, UDP or TCP, that a test closes and opens again, and
// for those that it opens later or never. No other program binds to it, whereas the port of a
// closed socket may soon be given to another program. No two calls return the same.
func Address() netip.AddrPort {
	n := int(addresses.Add(1))
	pid := os.Getpid()
	if runtime.GOOS == "linux" {
		// All of 127.0.0.0/8 is this machine, and a process number has at most 22 bits.
		ip := netip.AddrFrom4([4]byte{127, 64 | byte(pid>>16&63), byte(pid >> 8), byte(pid)})
		return netip.AddrPortFrom(ip, uint16(firstPort+n%ports))
	}
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(firstPort+(pid*64+n)%ports))
}
