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
	// LossTruncated means that the datagram was larger than Config.MaxDatagram.
	LossTruncated Loss = iota
	// LossControl means that the kernel truncated the control messages of the
	// datagram (MSG_CTRUNC).
	LossControl
	// LossRefused is ECONNREFUSED or ECONNRESET: the port is closed.
	LossRefused
	// LossTooLarge is EMSGSIZE: the datagram is too large for UDP or the
	// interface.
	LossTooLarge
	// LossNoBuffers is ENOBUFS or ENOMEM: a queue of the kernel is full.
	LossNoBuffers
	// LossNotPermitted is EPERM or EACCES: a firewall dropped the datagram, or
	// its destination is a broadcast address.
	LossNotPermitted
	// LossUnreachable means that there is no route, or that the network or host
	// is down.
	LossUnreachable
	// LossAddress means that the socket does not support the address: it is of
	// the other family or multicast, has an unknown zone, or has port 0.
	LossAddress
	// LossStalled means that the socket was not writable for a millisecond.
	LossStalled
	// LossStale means that the datagram was in the receive queue for longer than
	// Config.MaxQueueDelay.
	LossStale
	// LossOther is any other error.
	LossOther

	numLoss = iota
)

var lossNames = [numLoss]string{
	"truncated", "control", "refused", "too_large", "no_buffers",
	"not_permitted", "unreachable", "address", "stalled", "stale", "other",
}

// String returns the name of the reason in metrics.
func (l Loss) String() string {
	if l < numLoss {
		return lossNames[l]
	}
	return "invalid"
}

// Error numbers of Winsock, which no other system uses.
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

// lossOf returns the Loss for an error of the kernel.
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

// sourceGone reports whether l, for a datagram with a source address, may mean that
// this host no longer has that address. Linux returns EINVAL for IPv6 and
// ENETUNREACH for IPv4.
func sourceGone(l Loss) bool { return l == LossAddress || l == LossUnreachable }

// lossOfError is like lossOf for errors of package net.
func lossOfError(err error) Loss {
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		return lossOf(errno)
	}
	if _, ok := errors.AsType[*net.AddrError](err); ok {
		return LossAddress
	}
	return LossOther
}
