package load

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/internal/noise"
	"github.com/intentra/intentra/stages/cookie"
	"github.com/intentra/intentra/wire"
)

// call is one handshake of a Caller.
type call struct {
	index   uint32
	socket  *net.UDPConn
	machine *noise.Initiator
	init    []byte // without a cookie; it may be being sent, and is not changed
}

// open makes the first message.
func (k *call) open(s *noise.Static, ephemeral [noise.KeySize]byte) error {
	// docs/PROTOCOL.md, section 3: label, version, suite and the dialer's index.
	prologue := append([]byte("intentra handshake"), wire.Version, byte(wire.AESGCM))
	prologue = binary.BigEndian.AppendUint32(prologue, k.index)
	machine, err := noise.NewInitiator(wire.AESGCM, s, prologue, ephemeral)
	if err != nil {
		return fmt.Errorf("caller: %w", err)
	}
	message, err := machine.WriteInit(make([]byte, wire.InitPadding))
	if err != nil {
		return fmt.Errorf("caller: %w", err)
	}
	k.machine = machine
	k.init = wire.AppendHeader(nil, wire.Header{Type: wire.TypeInit, Suite: wire.AESGCM, Sender: k.index})
	k.init = append(append(k.init, message...), make([]byte, wire.CookieSize)...)
	return nil
}

// final answers message 2; it returns nothing if that is not the server's.
func (k *call) final(response []byte, server intentra.PublicKey) []byte {
	answer, remote, err := k.machine.ReadResponse(wire.NoiseMessage(response), wire.HelloSize)
	if err != nil || remote != server {
		return nil
	}
	theirs, ok := wire.ParseHello(answer)
	if !ok {
		return nil
	}
	ours := wire.Hello{
		Index: k.index, PacketRate: intentra.DefaultPeerRate, PacketBurst: intentra.DefaultPeerBurst,
		IdleTimeout: uint32(intentra.DefaultIdleTimeout.Milliseconds()),
		MaxDatagram: intentra.DefaultMaxDatagram, Window: wire.ReliableWindow,
	}
	message, keys, err := k.machine.WriteFinal(wire.AppendHello(nil, ours))
	if err != nil {
		return nil
	}
	keys.Wipe() // nothing is ever said
	header := wire.Header{Type: wire.TypeFinal, Suite: wire.AESGCM, Receiver: theirs.Index}
	return append(wire.AppendHeader(nil, header), message...)
}

// hear goes on with the call that the endpoint has answered.
func (c *Caller) hear(b []byte) {
	h, fault := wire.ParseHeader(b)
	if fault != wire.FaultNone {
		return
	}
	c.mu.Lock()
	k := c.slots[h.Receiver%callSlots]
	if k == nil || k.index != h.Receiver {
		c.mu.Unlock()
		return
	}
	if h.Type == wire.TypeData {
		c.tally.Confirmed++
		c.slots[h.Receiver%callSlots] = nil
	}
	c.mu.Unlock()
	// Answers to a call come to its socket, and so to one goroutine.
	switch h.Type {
	case wire.TypeCookie:
		if baked, ok := cookie.OpenChallenge(k.init, b); ok {
			proved := bytes.Clone(k.init)
			copy(wire.InitCookie(proved), baked[:])
			c.send(k, proved, &c.tally.Proved)
		}
	case wire.TypeResponse:
		if final := k.final(b, c.calls.Server); final != nil {
			c.send(k, final, &c.tally.Finals)
		}
	}
}

// send counts what the kernel has taken.
func (c *Caller) send(k *call, b []byte, count *uint64) {
	if _, err := k.socket.Write(b); err != nil {
		return
	}
	c.mu.Lock()
	*count++
	c.mu.Unlock()
}
