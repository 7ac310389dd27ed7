package udp

import (
	"errors"
	"net"
	"syscall"
)

// Loss is a reason for which a datagram was lost at the socket.
type Loss uint8

// The reasons.
const (
	// LossTruncated: the datagram was longer than Config.MaxDatagram.
	LossTruncated Loss = iota
	// LossControl: the kernel could not hand over all that belongs to the
	// datagram (MSG_CTRUNC).
	LossControl
	// LossRefused: ECONNREFUSED or ECONNRESET, nobody listens on the port.
	LossRefused
	// LossTooLarge: EMSGSIZE, larger than UDP or the interface carries.
	LossTooLarge
	// LossNoBuffers: ENOBUFS or ENOMEM, a queue of the kernel is full.
	LossNoBuffers
	// LossNotPermitted: EPERM or EACCES, a firewall, or a broadcast address.
	LossNotPermitted
	// LossUnreachable: no route, or the network or host is down.
	LossUnreachable
	// LossAddress: an address that this socket cannot send to or does not
	// know: of the other family, multicast, of an unknown zone, with port 0.
	LossAddress
	// LossStalled: the socket was not writable for a millisecond.
	LossStalled
	// LossStale: it had waited in the receive queue for longer than
	// Config.MaxQueueDelay.
	LossStale
	// LossOther: any other error.
	LossOther

	numLoss = iota
)

var lossNames = [numLoss]string{
	"truncated", "control", "refused", "too_large", "no_buffers",
	"not_permitted", "unreachable", "address", "stalled", "stale", "other",
}

// String returns the name of the reason, as metrics show it.
func (l Loss) String() string {
	if l < numLoss {
		return lossNames[l]
	}
	return "invalid"
}

// Winsock's error numbers, which no other system uses.
const (
	wsaEACCES        syscall.Errno = 10013
	wsaEINVAL        syscall.Errno = 10022
	wsaEMSGSIZE      syscall.Errno = 10040
	wsaEAFNOSUPPORT  syscall.Errno = 10047
	wsaEADDRNOTAVAIL syscall.Errno = 10049
	wsaENETDOWN      syscall.Errno = 10050
	wsaENETUNREACH   syscall.Errno = 10051
	wsaECONNRESET    syscall.Errno = 10054
	wsaENOBUFS       syscall.Errno = 10055
	wsaECONNREFUSED  syscall.Errno = 10061
	wsaEHOSTDOWN     syscall.Errno = 10064
	wsaEHOSTUNREACH  syscall.Errno = 10065
)

// lossOf sorts an error of the kernel.
func lossOf(e syscall.Errno) Loss {
	switch e {
	case syscall.ECONNREFUSED, syscall.ECONNRESET, wsaECONNREFUSED, wsaECONNRESET:
		return LossRefused
	case syscall.EMSGSIZE, wsaEMSGSIZE:
		return LossTooLarge
	case syscall.ENOBUFS, syscall.ENOMEM, wsaENOBUFS:
		return LossNoBuffers
	case syscall.EPERM, syscall.EACCES, wsaEACCES:
		return LossNotPermitted
	case syscall.EHOSTUNREACH, syscall.ENETUNREACH, syscall.EHOSTDOWN, syscall.ENETDOWN,
		wsaEHOSTUNREACH, wsaENETUNREACH, wsaEHOSTDOWN, wsaENETDOWN:
		return LossUnreachable
	case syscall.EINVAL, syscall.EADDRNOTAVAIL, syscall.EAFNOSUPPORT, syscall.ENODEV, syscall.ENXIO,
		wsaEINVAL, wsaEADDRNOTAVAIL, wsaEAFNOSUPPORT:
		return LossAddress
	}
	return LossOther
}

// sourceGone reports whether l, of a datagram with a source address, may mean
// that this host does not have that address any more. Linux answers EINVAL for
// IPv6 and ENETUNREACH for IPv4.
func sourceGone(l Loss) bool { return l == LossAddress || l == LossUnreachable }

// lossOfError is lossOf for the errors of package net.
func lossOfError(err error) Loss {
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		return lossOf(errno)
	}
	if _, ok := errors.AsType[*net.AddrError](err); ok {
		return LossAddress
	}
	return LossOther
}
