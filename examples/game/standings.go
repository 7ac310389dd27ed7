package main

import (
	"encoding/binary"
	"math"
	"slices"

	"github.com/intentra/intentra"
)

// standing is how far one player has walked, in units.
type standing struct {
	id     uint16
	walked uint32
}

// What the rules fix.
const (
	best         = 5 // the standings name that many players
	standingSize = 6
)

// announce sends every player who has walked farthest. Each announcement counts, but none
// is urgent: it is Reliable with the priority Low, so that it never delays a snapshot.
// The caller holds s.mu.
func (s *server) announce() {
	order := slices.Clone(s.order)
	slices.SortStableFunc(order, func(a, b *player) int { return int(b.walked) - int(a.walked) })
	var payload []byte
	for _, p := range order[:min(len(order), best)] {
		payload = standing{p.id, uint32(p.walked)}.append(payload)
	}
	for _, p := range s.order {
		p.peer.Send(intentra.Message{Channel: standings, Intent: intentra.Reliable, Priority: intentra.Low, Payload: payload})
	}
}

func (s standing) append(b []byte) []byte {
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint16(b, s.id), s.walked)
}

// parseStandings is the reverse of append, for all of a message.
func parseStandings(b []byte) (list []standing, ok bool) {
	if len(b)%standingSize != 0 || len(b) > best*standingSize {
		return nil, false
	}
	for ; len(b) > 0; b = b[standingSize:] {
		s := standing{binary.BigEndian.Uint16(b), binary.BigEndian.Uint32(b[2:])}
		if s.walked > math.MaxInt32 {
			return nil, false
		}
		list = append(list, s)
	}
	return list, true
}
