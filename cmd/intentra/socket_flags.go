package main

import (
	"errors"

	"github.com/alecthomas/kong"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/udp"
)

// socketFlags is embedded in the commands that have one socket.
type socketFlags struct {
	DSCP   *int       `name:"dscp" placeholder:"N" help:"Mark sent datagrams with this DiffServ code point (RFC 2474), 0 to 63, such as 46 for expedited forwarding."`
	Device deviceName `placeholder:"NAME" help:"Send and receive on this network interface only, such as eth1."`

	PeerBandwidth *int `placeholder:"BYTES" help:"Send at most this many bytes per second to each peer, 4096 or more. The default is unlimited."`
}

const (
	// maxDSCP is the largest value of the 6-bit field of RFC 2474 section 3.
	maxDSCP = 63
	// leastPeerBandwidth is what package intentra accepts.
	leastPeerBandwidth = 4096
)

func (f *socketFlags) check(command string) error {
	if f.DSCP != nil && (*f.DSCP < 0 || *f.DSCP > maxDSCP) {
		return usagef("%s: --dscp is %d; give 0 to %d", command, *f.DSCP, maxDSCP)
	}
	if n := f.PeerBandwidth; n != nil && (*n < leastPeerBandwidth || *n > intentra.DefaultPeerBandwidth) {
		return usagef("%s: --peer-bandwidth is %d; give %d to %d bytes per second", command, *n, leastPeerBandwidth, intentra.DefaultPeerBandwidth)
	}
	return nil
}

// config returns the value for Config.Socket.
func (f *socketFlags) config() udp.Config {
	c := udp.Config{Device: string(f.Device)}
	if f.DSCP != nil {
		c.DSCP = *f.DSCP
	}
	return c
}

// deviceName is a flag: the name of a network interface. An empty name is refused,
// because it would have the same effect as no flag.
type deviceName string

func (d *deviceName) Decode(ctx *kong.DecodeContext) error {
	if err := ctx.Scan.PopValueInto("interface", (*string)(d)); err != nil {
		return err
	}
	if *d == "" {
		return errors.New("the interface name is empty")
	}
	return nil
}

// handshakeFlags is embedded in the commands that accept connections.
type handshakeFlags struct {
	MaxHandshakes           *int `placeholder:"N" help:"Handshakes in flight at a time, ${default_max_handshakes} by default."`
	MaxHandshakesPerAddress *int `placeholder:"N" help:"Of those, from one IPv4 address or IPv6 /64, all by default. Lower it if hardly any peers share an address."`
	HandshakeRate           *int `placeholder:"N" help:"Handshakes begun each second, ${default_handshake_rate} by default."`
}

// What package intentra accepts.
const (
	mostHandshakes    = 1 << 16
	mostHandshakeRate = 1 << 20
)

func (f *handshakeFlags) check(command string) error {
	for _, v := range []struct {
		flag  string
		value *int
		most  int
	}{
		{"max-handshakes", f.MaxHandshakes, mostHandshakes},
		{"max-handshakes-per-address", f.MaxHandshakesPerAddress, mostHandshakes},
		{"handshake-rate", f.HandshakeRate, mostHandshakeRate},
	} {
		if v.value != nil && (*v.value < 1 || *v.value > v.most) {
			return usagef("%s: --%s is %d; give 1 to %d", command, v.flag, *v.value, v.most)
		}
	}
	all := valueOr(f.MaxHandshakes, intentra.DefaultMaxHandshakes)
	if one := valueOr(f.MaxHandshakesPerAddress, 1); one > all {
		return usagef("%s: --max-handshakes-per-address is %d, above --max-handshakes, which is %d", command, one, all)
	}
	return nil
}

// given reports whether any of the flags is given.
func (f *handshakeFlags) given() bool { return *f != handshakeFlags{} }

// apply sets the limits of a configuration.
func (f *handshakeFlags) apply(c *intentra.Config) {
	c.MaxHandshakes = valueOr(f.MaxHandshakes, 0)
	c.MaxHandshakesPerAddress = valueOr(f.MaxHandshakesPerAddress, 0)
	c.HandshakeRate = valueOr(f.HandshakeRate, 0)
}

func valueOr(p *int, otherwise int) int {
	if p == nil {
		return otherwise
	}
	return *p
}
