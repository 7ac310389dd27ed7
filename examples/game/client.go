package main

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"sync"

	"github.com/intentra/intentra"
)

// input is what a player does in one tick. A message has the newest one and those of the
// ticks before, so that a lost message loses no input.
type input struct {
	has    uint32 // the newest snapshot that the player has
	number uint32
	angles [repeats]byte // 0: does not move; else the direction, newest first
}

const (
	repeats   = 6
	inputSize = 8 + repeats
)

func (in input) append(b []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, in.has)
	b = binary.BigEndian.AppendUint32(b, in.number)
	return append(b, in.angles[:]...)
}

func parseInput(b []byte) (in input, ok bool) {
	if len(b) != inputSize {
		return in, false
	}
	in.has, in.number = binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:])
	copy(in.angles[:], b[8:])
	return in, true
}

// expand returns the inputs of a message, oldest first.
func (in input) expand() (all []input) {
	for i := repeats - 1; i >= 0; i-- {
		if in.number > uint32(i) {
			all = append(all, input{in.has, in.number - uint32(i), [repeats]byte{in.angles[i]}})
		}
	}
	return all
}

func (in input) direction() vector {
	if in.angles[0] == 0 {
		return vector{}
	}
	sin, cos := math.Sincos(float64(in.angles[0]) / 255 * 2 * math.Pi)
	return vector{cos, sin}
}

// client is a player: a bot, or the person in the browser.
type client struct {
	peer *intentra.Peer
	rnd  *rand.Rand

	mu     sync.Mutex
	angle  byte
	number uint32
	past   []input // not yet in a snapshot, oldest first
	at     vector  // predicted
	newest snapshot
	best   []standing

	// What is measured.
	seen, backwards int
	announced       int       // standings
	corrections     []float64 // units by which a prediction was wrong
	ages            []uint32  // ticks from an input to the snapshot that has it
}

func newClient(seed uint64) *client { return &client{rnd: rand.New(rand.NewPCG(seed, 1))} }

// config returns the configuration of a player's transport, without a key.
func (c *client) config() intentra.Config {
	return intentra.Config{Stages: playerStages, Handler: c.receive}
}

// receive takes standings, or a snapshot: the server's word about where the player is, to which the
// inputs are added that it has not seen.
func (c *client) receive(m intentra.Received) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if m.Channel == standings {
		if list, ok := parseStandings(m.Payload); ok {
			c.best = list
			c.announced++
		}
		return
	}
	var s snapshot
	if m.Channel != snapshots || !parseFull(m.Payload, &s) {
		return
	}
	if s.number <= c.newest.number {
		c.backwards++
		return
	}
	c.seen++
	c.newest = s
	for len(c.past) > 0 && c.past[0].number <= s.input {
		c.past = c.past[1:]
	}
	at, ok := s.own()
	if !ok {
		return
	}
	for _, in := range c.past {
		at = move(at, in.direction())
	}
	if s.input > repeats { // since the player has begun to move
		c.corrections = append(c.corrections, at.distance(c.at))
		c.ages = append(c.ages, c.number-s.input)
	}
	c.at = at
}

// mostPast is how many inputs a player remembers while no snapshot arrives.
const mostPast = 240

// step sends the input of a tick and predicts what the server will make of it.
func (c *client) step() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.number++
	if c.rnd != nil && c.rnd.IntN(30) == 0 {
		c.angle = byte(c.rnd.IntN(256))
	}
	in := input{has: c.newest.number, number: c.number, angles: [repeats]byte{c.angle}}
	for i := 1; i < repeats && i <= len(c.past); i++ {
		in.angles[i] = c.past[len(c.past)-i].angles[0]
	}
	if c.past = append(c.past, in); len(c.past) > mostPast {
		c.past = c.past[1:]
	}
	c.at = move(c.at, in.direction())
	c.peer.Send(intentra.Message{Channel: inputs, Intent: intentra.Latest, Priority: intentra.High, Payload: in.append(nil)})
}
