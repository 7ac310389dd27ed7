package conn

import (
	"cmp"
	"fmt"
	"time"

	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/stages/replay"
	"github.com/intentra/intentra/wire"
)

// The ends of ranges that several fields share.
const (
	mostCount = 1 << 30
	mostRate  = 1 << 20 // per second
	leastTime = time.Millisecond
	mostTime  = 10 * 365 * 24 * time.Hour // so that adding to a time cannot overflow

	// leastUnanswered is more than the time that a peer may take to acknowledge
	// (ack.DefaultLazyDelay), and leastIdle leaves room for a sign of life in it.
	leastUnanswered = 250 * time.Millisecond
	leastIdle       = 500 * time.Millisecond

	// leastPeerRate leaves room for the signs of life of the shortest IdleTimeout:
	// KeepAlive is at least 4 s divided by PeerRate, and at most half of IdleTimeout.
	leastPeerRate = 16

	// leastPeerByteRate is a message of any size per second.
	leastPeerByteRate = 64 << 10

	leastSendMemory = 256 << 10 // a few messages of the largest size

	// leastPeerBandwidth is a few datagrams per second.
	leastPeerBandwidth = 4096
)

// field is a field of a Config that is a number, with its default and its range.
type field[T int | time.Duration] struct {
	name                  string
	value                 *T
	standard, least, most T
}

// counts lists the fields that are whole numbers. A default that depends on
// another field is taken from that as it is now: those that others depend on
// come first.
func (c *Config) counts() []field[int] {
	datagram, handshakes := cmp.Or(c.MaxDatagram, DefaultMaxDatagram), cmp.Or(c.MaxHandshakes, DefaultMaxHandshakes)
	rate := cmp.Or(c.HandshakeRate, DefaultHandshakeRate)
	packets := cmp.Or(c.PeerRate, DefaultPeerRate)
	return []field[int]{
		{"MaxDatagram", &c.MaxDatagram, DefaultMaxDatagram, wire.MinDatagram, wire.MaxDatagram},
		{"MaxMessage", &c.MaxMessage, DefaultMaxMessage, 1, wire.MaxMessage},
		{"MaxPeers", &c.MaxPeers, DefaultMaxPeers, 1, pipeline.MaxIDs / 4},
		{"MaxHandshakes", &c.MaxHandshakes, DefaultMaxHandshakes, 1, 1 << 16},
		{"MaxHandshakesPerAddress", &c.MaxHandshakesPerAddress, handshakes, 1, 1 << 16},
		{"HandshakeRate", &c.HandshakeRate, DefaultHandshakeRate, 1, mostRate},
		{"HandshakeBurst", &c.HandshakeBurst, max(rate/handshakeBurstShare, 1), 1, mostRate},
		{"RekeyRate", &c.RekeyRate, DefaultRekeyRate, 1, mostRate},
		{"PeerRate", &c.PeerRate, DefaultPeerRate, leastPeerRate, mostCount},
		{"PeerBurst", &c.PeerBurst, DefaultPeerBurst, 1, mostCount},
		{"PeerMessageRate", &c.PeerMessageRate, raised(DefaultPeerMessageRate, packets), leastPeerRate, mostCount},
		{"PeerByteRate", &c.PeerByteRate, raised(DefaultPeerByteRate, packets), leastPeerByteRate, mostCount},
		{"PeerBandwidth", &c.PeerBandwidth, DefaultPeerBandwidth, leastPeerBandwidth, mostCount},
		{"ReplayWindow", &c.ReplayWindow, DefaultReplayWindow, replay.MinBits, replay.MaxBits},
		{"RekeyAfterPackets", &c.RekeyAfterPackets, DefaultRekeyAfterPackets, 16, DefaultRekeyAfterPackets},
		{"Strikes", &c.Strikes, DefaultStrikes, 1, 1 << 10},
		{"SendQueueMessages", &c.SendQueueMessages, DefaultSendQueueMessages, 1, mostCount},
		{"SendQueueBytes", &c.SendQueueBytes, max(DefaultSendQueueBytes, datagram), wire.MinDatagram, mostCount},
		{"ReliableQueueMessages", &c.ReliableQueueMessages, DefaultReliableQueueMessages, 1, mostCount},
		{"ReliableQueueBytes", &c.ReliableQueueBytes, max(DefaultReliableQueueBytes, datagram), wire.MinDatagram, mostCount},
		{"SendMemory", &c.SendMemory, c.sendMemory(datagram), leastSendMemory, mostCount},
	}
}

// sendMemory returns the default of SendMemory, of which one queue gets at most half:
// enough for what the queue of a peer may hold.
func (c *Config) sendMemory(datagram int) int {
	state := cmp.Or(c.SendQueueBytes, max(DefaultSendQueueBytes, datagram))
	reliable := cmp.Or(c.ReliableQueueBytes, max(DefaultReliableQueueBytes, datagram))
	messages := cmp.Or(c.SendQueueMessages, DefaultSendQueueMessages) + cmp.Or(c.ReliableQueueMessages, DefaultReliableQueueMessages)
	return int(min(max(DefaultSendMemory, 8*(int64(state)+int64(reliable))+256*int64(messages)), mostCount))
}

// times lists the fields that are durations, in an order as that of counts.
func (c *Config) times() []field[time.Duration] {
	idle, window := cmp.Or(c.IdleTimeout, DefaultIdleTimeout), cmp.Or(c.StrikeWindow, DefaultStrikeWindow)
	return []field[time.Duration]{
		{"IdleTimeout", &c.IdleTimeout, DefaultIdleTimeout, leastIdle, mostTime},
		{"KeepAlive", &c.KeepAlive, min(DefaultKeepAlive, idle/2), leastTime, mostTime},
		{"Unanswered", &c.Unanswered, min(DefaultUnanswered, idle), leastUnanswered, mostTime},
		{"HandshakeTimeout", &c.HandshakeTimeout, DefaultHandshakeTimeout, 2 * firstRetry, mostTime},
		{"RekeyAfter", &c.RekeyAfter, DefaultRekeyAfter, 2 * rekeyLeast, mostTime},
		{"StrikeWindow", &c.StrikeWindow, DefaultStrikeWindow, leastTime, mostTime},
		{"ForgetAfter", &c.ForgetAfter, max(DefaultForgetAfter, window), leastTime, mostTime},
	}
}

// raised returns the default of a limit on what the packets of a peer contain: as much
// for each packet as in the defaults, if PeerRate is higher.
func raised(standard, packets int) int {
	return int(min(int64(standard)*int64(max(packets, DefaultPeerRate))/DefaultPeerRate, mostCount))
}

// setDefaults sets the fields that are zero to their defaults.
func setDefaults[T int | time.Duration](fields []field[T]) {
	for _, f := range fields {
		*f.value = cmp.Or(*f.value, f.standard)
	}
}

// checkRanges returns the error of the first field that is out of its range.
func checkRanges[T int | time.Duration](fields []field[T]) error {
	for _, f := range fields {
		if *f.value < f.least || *f.value > f.most {
			return &ConfigError{f.name, *f.value, fmt.Sprintf("from %v to %v", f.least, f.most)}
		}
	}
	return nil
}

// chainCounts lists the whole numbers of Chains that the stages do not check
// themselves. Zero means the stage's default.
func (c *Config) chainCounts() []field[int] {
	a := &c.Chains.Ack
	return []field[int]{
		{"Chains.Ack.Every", &a.Every, 0, 0, mostCount},
		{"Chains.Ack.EveryBytes", &a.EveryBytes, 0, 0, mostCount},
		{"Chains.Ack.HeldBytes", &a.HeldBytes, 0, 0, mostCount},
		{"Chains.Ack.HeldBytesTotal", &a.HeldBytesTotal, 0, 0, mostCount},
		{"Chains.Ack.FragmentBytes", &a.FragmentBytes, 0, 0, mostCount},
		{"Chains.Ack.FragmentBytesTotal", &a.FragmentBytesTotal, 0, 0, mostCount},
		{"Chains.Ack.FragmentMessages", &a.FragmentMessages, 0, 0, mostCount},
	}
}

// chainTimes is chainCounts for durations.
func (c *Config) chainTimes() []field[time.Duration] {
	a := &c.Chains.Ack
	return []field[time.Duration]{
		{"Chains.Ack.Delay", &a.Delay, 0, 0, mostTime},
		{"Chains.Ack.LazyDelay", &a.LazyDelay, 0, 0, mostTime},
		{"Chains.Ack.GapDelay", &a.GapDelay, 0, 0, mostTime},
	}
}
