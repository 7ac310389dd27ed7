package loopback

import (
	"bytes"

	"github.com/intentra/intentra"
)

// Realtime returns a Realtime message on channel 0.
func Realtime(payload string) intentra.Message {
	return intentra.Message{Intent: intentra.Realtime, Payload: []byte(payload)}
}

// Latest returns a Latest message.
func Latest(channel uint32, payload string) intentra.Message {
	return intentra.Message{Channel: channel, Intent: intentra.Latest, Payload: []byte(payload)}
}

// Reliable returns a Reliable message on channel 0.
func Reliable(payload string) intentra.Message {
	return intentra.Message{Intent: intentra.Reliable, Payload: []byte(payload)}
}

// Messages returns a Handler and the channel to which it sends copies of the
// messages, at most 16,384 of which may wait there.
func Messages() (handler func(intentra.Received), messages <-chan intentra.Received) {
	c := make(chan intentra.Received, 1<<14)
	return func(m intentra.Received) {
		m.Payload = bytes.Clone(m.Payload)
		c <- m
	}, c
}

// Events returns an OnPeer and the channel to which it sends the events, at most
// 1,024 of which may wait there.
func Events() (onPeer func(intentra.PeerEvent), events <-chan intentra.PeerEvent) {
	c := make(chan intentra.PeerEvent, 1024)
	return func(e intentra.PeerEvent) { c <- e }, c
}
