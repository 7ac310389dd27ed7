package dispatch

import (
	"encoding/binary"
	"testing"

	"github.com/intentra/intentra/fuzz"
	"github.com/intentra/intentra/pipeline"
	"github.com/stretchr/testify/require"
)

// FuzzNewest is a peer that sends Latest messages on any channels, over a network that
// reorders them. No message is accepted after a newer one of its channel; while the
// channels fit in the table, no other message is refused.
func FuzzNewest(f *testing.F) {
	f.Add(uint8(1), []byte("\x01\x00\x01\x02\x00\x02\x01\x00\x01\x02\x00\x01"))
	f.Add(uint8(3), []byte("\x01\x00\x09\x02\x00\x03\x03\x00\x05\x04\x00\x04\x02\x00\x02\x01\x00\x08"))
	f.Add(uint8(255), []byte("\x01\xff\xff\x01\xff\xfe\x02\x00\x00"))
	f.Fuzz(func(t *testing.T, limit uint8, ops []byte) {
		p := newPair(t, max(1, int(limit)))
		for ; len(ops) >= 3; ops = ops[3:] {
			p.offer(uint32(ops[0]), uint64(binary.BigEndian.Uint16(ops[1:])))
		}
		p.check()
	})
}

// FuzzStage is a peer with two sessions that open and close, and messages of any intent
// on any channel in any order. Realtime and Reliable messages always pass; Latest never
// goes backwards within a session.
func FuzzStage(f *testing.F) {
	f.Add([]byte("\x80\x00\x00\x00\x02\x01\x00\x05\x02\x01\x00\x04\x01\x01\x00\x03\x03\x01\x00\x02"))
	f.Add([]byte("\x80\x00\x00\x00\x02\x01\x01\x00\x02\x01\x00\xff\x81\x00\x00\x00\x02\x01\x00\x01"))
	f.Fuzz(func(t *testing.T, ops []byte) {
		s := New(Config{Deliver: func(*pipeline.Packet) bool { return true }, Channels: 4})
		live := map[pipeline.ID]model{}
		for ; len(ops) >= 4; ops = ops[4:] {
			session := pipeline.MakeID(uint32(ops[1]>>6), 1+ops[0]>>6%2)
			notice := pipeline.SessionNotice{Session: session}
			switch ops[0] >> 4 {
			case 8, 12:
				for id := range live {
					if id.Number() == session.Number() {
						delete(live, id)
					}
				}
				live[session] = model{}
				s.SessionOpened(notice)
				continue
			case 9:
				delete(live, session)
				s.SessionClosed(notice)
				continue
			}
			p := message(session, pipeline.Intent(ops[0]%4), uint32(ops[1]%8), uint32(ops[2]), uint64(ops[3]))
			v := s.Process(p)
			switch m, ok := live[session]; {
			case p.Intent != pipeline.Latest:
				require.Equal(t, pipeline.Accept, v)
			case !ok:
				require.Equal(t, DropStale, v)
			case v == pipeline.Accept:
				require.True(t, m.accept(p.Channel, uint64(ops[2])<<8|uint64(ops[3])))
			default:
				require.Equal(t, DropStale, v)
			}
		}
	})
}

// FuzzStageLaws holds the stage to the laws of package fuzz. The receiver takes
// messages of an even length.
func FuzzStageLaws(f *testing.F) {
	deliver := func(p *pipeline.Packet) bool { return len(p.Payload())%2 == 0 }
	fuzz.Stage(f, func() *Stage { return New(Config{Deliver: deliver, Channels: 4}) }, fuzz.AllocFree())
}
