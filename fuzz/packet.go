package fuzz

import (
	"bytes"
	"fmt"
	"net/netip"

	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

// packet is one packet or message with everything that the earlier stages would have
// set.
type packet struct {
	number  int // among the packets of the plan
	step    step
	data    []byte
	payload []byte // of outbound messages, outside of data
	from    int    // inbound after AEAD open: where the payload lies in data
	to      int
	room    int // outbound: capacity after data
	reply   int // inbound: capacity of Reply

	addr     netip.AddrPort
	now      pipeline.Time
	of       pipeline.EpochNotice // zero before header parse
	warmed   pipeline.EpochNotice // that the driver passes to Warm; zero if it knows none
	counter  uint64
	channel  uint32
	intent   pipeline.Intent
	sequence uint64
	distance uint16
	refused  bool // by a later stage
}

var addresses = [peers][4]netip.AddrPort{
	addressesOf("192.0.2.1:7000", "192.0.2.1:7001", "[2001:db8::1]:7000", "[2001:db8::2]:7000"),
	addressesOf("192.0.2.2:7000", "198.51.100.2:1", "[2001:db8:1::1]:7000", "[fe80::1%eth0]:7000"),
	addressesOf("203.0.113.3:65535", "203.0.113.4:65535", "[::1]:7000", "127.0.0.1:7000"),
}

func addressesOf(list ...string) (a [4]netip.AddrPort) {
	for i, s := range list {
		a[i] = netip.MustParseAddrPort(s)
	}
	return a
}

var (
	channels = [8]uint32{0, 1, 2, 63, 64, 1 << 14, 1<<31 - 1, 1<<32 - 1}
	rooms    = [8]int{wire.TagSize, 0, 24, wire.TagSize - 1, 64, 200, 400, 1200}
)

// neighbour is the number of bytes before and after a message in its packet, which the
// stage must not change.
const neighbour = 12

// make makes the packet of step s, with the next counter of its epoch.
func (p *plan) make(w *world, s step) *packet {
	k := &packet{step: s, now: w.now, refused: s.refused(), addr: addresses[s.peer()][s.address()]}
	if p.position.inbound() {
		if k.reply = wire.CookiePacketSize; s.room() == 7 {
			k.reply = 0
		}
	} else {
		k.room = rooms[s.room()]
	}
	if p.position == Datagrams && s.kind == stepRaw {
		k.data = bytes.Clone(s.body)
		return k
	}
	peer := w.live(s.peer())
	e := peer.epochs[s.epoch()%len(peer.epochs)]
	k.counter = e.number(s, !p.position.inbound())
	k.of, k.warmed = e.EpochNotice, e.EpochNotice
	k.data = wire.AppendHeader(nil, wire.Header{Type: wire.TypeData, Receiver: uint32(e.Epoch), Counter: k.counter})
	p.fill(k, s.body)
	k.room += len(k.payload) // for a packer
	if p.position == Messages || p.position == OutMessages {
		k.channel, k.intent = channels[s.channel()], pipeline.Realtime+pipeline.Intent(s.intent())
	}
	if p.position == OutMessages && k.intent == pipeline.Reliable {
		k.sequence, k.distance = peer.sequence, uint16(min(peer.sequence, uint64(s.room())))
		peer.sequence++
	}
	if p.position == Datagrams {
		k.of, k.counter = pipeline.EpochNotice{}, 0 // header parse finds them
	}
	return k
}

// fill puts the body where stages of the position expect it.
func (p *plan) fill(k *packet, body []byte) {
	switch p.position {
	case Datagrams, OutPackets:
		k.data = append(k.data, body...)
	case Sealed:
		k.data = append(k.data, body...)
		k.data = append(k.data, make([]byte, max(wire.Overhead-len(k.data), 0))...) // shorter packets do not get here
	case Opened, Fresh:
		k.from = len(k.data)
		k.data = append(k.data, body...)
		k.to = len(k.data)
		k.data = append(k.data, make([]byte, wire.TagSize)...)
	case Messages:
		k.data = append(k.data, bytes.Repeat([]byte{0x11}, neighbour)...)
		k.from = len(k.data)
		k.data = append(k.data, body...)
		k.to = len(k.data)
		k.data = append(k.data, bytes.Repeat([]byte{0x22}, neighbour+wire.TagSize)...)
	case OutMessages:
		k.payload = bytes.Clone(body)
	}
}

// describe identifies a packet in failures.
func (p *plan) describe(k *packet) string {
	body, about := k.data, fmt.Sprintf(" from %s", k.addr)
	switch p.position {
	case Messages:
		body, about = k.data[k.from:k.to], fmt.Sprintf(" (%s, channel %d, session %#x)", k.intent, k.channel, k.of.Session)
	case OutMessages:
		body, about = k.payload, fmt.Sprintf(" (%s, channel %d, session %#x)", k.intent, k.channel, k.of.Session)
	case Opened, Fresh:
		body, about = k.data[k.from:k.to], fmt.Sprintf(" (session %#x, counter %d)", k.of.Session, k.counter)
	case Sealed, OutPackets:
		about = fmt.Sprintf(" (session %#x, counter %d)", k.of.Session, k.counter)
	}
	return fmt.Sprintf("%s %d of %d%s, %d bytes %s", p.position, k.number+1, p.packets, about, len(body), excerpt(body))
}

func excerpt(b []byte) string {
	const most = 32
	if len(b) > most {
		return fmt.Sprintf("%x...", b[:most])
	}
	return fmt.Sprintf("%x", b)
}
