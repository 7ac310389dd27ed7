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
	init    []byte // without a cookie; never modified, because another goroutine may send it
}

// open creates the first message.
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

// final returns the answer to message 2, or nil if that is not from the server.
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
	keys.Wipe() // no data is sent
	header := wire.Header{Type: wire.TypeFinal, Suite: wire.AESGCM, Receiver: theirs.Index}
	return append(wire.AppendHeader(nil, header), message...)
}

// receive continues the call that the datagram answers.
func (c *Caller) receive(b []byte) {
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
	// All answers to a call arrive at its socket, and so in one goroutine.
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

// send sends b and counts it if the kernel accepts it.
func (c *Caller) send(k *call, b []byte, count *uint64) {
	if _, err := k.socket.Write(b); err != nil {
		return
	}
	c.mu.Lock()
	*count++
	c.mu.Unlock()
}
