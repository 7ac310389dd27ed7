package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/internal/seed"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/sim"
)

// In the simulator, where 0, 5 and 20 % of the datagrams are lost, no player sees a
// snapshot go back, and predictions are right unless inputs were lost.
func TestInTheSimulator(t *testing.T) {
	for _, loss := range []float64{0, 0.05, 0.2} {
		t.Run(fmt.Sprint(loss), func(t *testing.T) {
			w := sim.New(1)
			w.SetDefault(sim.Link{Delay: 15 * time.Millisecond, Jitter: 3 * time.Millisecond, Loss: loss})
			s := newServer()
			node, err := w.Program("server", netip.AddrPort{}, s.config)
			require.NoError(t, err)
			var clients []*client
			for i := range 30 {
				c := newClient(uint64(i))
				n, err := w.Program(fmt.Sprint("player ", i), netip.AddrPort{}, c.config)
				require.NoError(t, err)
				require.NoError(t, n.Dial(node.Key()))
				_, ok := w.Until(10*time.Second, func() bool { return len(n.Peers()) == 1 && len(node.Peers()) == i+1 })
				require.True(t, ok)
				c.peer = n.Peers()[0]
				clients = append(clients, c)
			}
			const ticks = 240
			for range ticks {
				for _, c := range clients {
					c.step()
				}
				s.step()
				require.NoError(t, w.Run(time.Second/hertz))
			}
			r := judge(s, clients, ticks)
			var b bytes.Buffer
			require.NoError(t, r.Write(&b))
			t.Logf("\n%s", b.String())
			require.NoError(t, r.Err())
			require.NoError(t, w.Err())
			for i, c := range clients {
				require.Len(t, c.best, best)
				require.GreaterOrEqual(t, c.best[0].walked, c.best[best-1].walked)
				require.GreaterOrEqual(t, c.announced, ticks/hertz-1, "player %d: standings are Reliable", i)
			}
			if loss == 0 {
				for i, c := range clients {
					require.Zero(t, c.corrections[len(c.corrections)-1], "player %d: without loss the prediction is right", i)
				}
			}
		})
	}
}

func TestOverSockets(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, run(t.Context(), []string{"--check", "--bots", "5", "--duration", "500ms"}, &b))
	require.Contains(t, b.String(), "correction of a prediction")
	require.Error(t, run(t.Context(), nil, &b))
}

// A difference and its base give the snapshot again.
func TestDelta(t *testing.T) {
	rnd := seed.Rand(t)
	random := func(number uint32, from []entity) snapshot {
		s := snapshot{number: number, input: rnd.Uint32(), self: uint16(rnd.IntN(300))}
		at := map[uint16]vector{}
		for _, e := range from {
			at[e.id] = move(e.at, input{angles: [repeats]byte{byte(rnd.IntN(256))}}.direction())
		}
		for id := range uint16(300) {
			if rnd.IntN(5) == 0 && len(s.entities) < visible {
				v, ok := at[id]
				if !ok || rnd.IntN(10) == 0 {
					v = vector{float64(rnd.IntN(side*scale+1)) / scale, float64(rnd.IntN(side*scale+1)) / scale}
				}
				s.entities = append(s.entities, entity{id, v})
			}
		}
		return s
	}
	for range 200 {
		base := random(7, nil)
		s := random(7+1+uint32(rnd.IntN(50)), base.entities)
		var full, back snapshot
		require.True(t, parseFull(s.appendFull(nil), &full))
		require.Equal(t, s, full)
		find := func(n uint32) *snapshot {
			require.EqualValues(t, 7, n)
			return &base
		}
		require.True(t, parseDelta(s.appendDelta(nil, &base), &back, find))
		require.Equal(t, s, back)
		b := s.appendDelta(nil, nil)
		require.LessOrEqual(t, len(b), len(s.appendFull(nil))+visible)
		require.True(t, parseDelta(b, &back, nil))
		require.Equal(t, s, back)
	}
}

// No bytes from the network crash a player, or have it keep what the server cannot mean.
func FuzzDelta(f *testing.F) {
	base := snapshot{number: 3, entities: []entity{{1, vector{10, 10}}, {9, vector{20, 20}}}}
	f.Add(snapshot{number: 5, entities: []entity{{1, vector{11, 10}}, {300, vector{1, 1}}}}.appendDelta(nil, &base))
	f.Add(base.appendDelta(nil, nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		var s snapshot
		if !parseDelta(b, &s, func(n uint32) *snapshot {
			if n == base.number {
				return &base
			}
			return nil
		}) {
			return
		}
		require.LessOrEqual(t, len(s.entities), 255)
		for _, e := range s.entities {
			require.True(t, e.at.x >= 0 && e.at.x <= side && e.at.y >= 0 && e.at.y <= side)
		}
		var again snapshot
		require.True(t, parseFull(s.appendFull(nil), &again))
		require.Equal(t, len(s.entities), len(again.entities))
	})
}

// The stages drop what is malformed, and a difference from a snapshot that is not there.
func TestStages(t *testing.T) {
	require.Equal(t, []string{"malformed", "no_base"}, new(undelta).Reasons())
	for _, s := range []pipeline.Stage{new(delta), acks{new(delta)}, new(undelta)} {
		p := new(pipeline.Packet)
		p.SetPayload([]byte("x"))
		p.Channel = 77
		require.Equal(t, pipeline.Accept, s.Process(p), s.Name())
	}
	p := new(pipeline.Packet)
	p.SetPayload([]byte("x"))
	p.Channel = inputs
	require.Equal(t, dropMalformed, acks{new(delta)}.Process(p))
}

// A player sees itself, what is near, and now and then what is far, nearest first.
func TestInterest(t *testing.T) {
	var all []entity
	for id := range uint16(100) {
		all = append(all, entity{id, vector{500 + float64(id), 500}})
	}
	list := interest(all, 0, 1)
	require.Len(t, list, visible)
	require.Equal(t, all[:visible], list)
	all[1].at.x, all[2].at.x = 500+far, 500+far+1
	require.NotContains(t, interest(all, 0, 1), all[1])
	all = all[:3]
	require.Equal(t, all[:1], interest(all, 0, 1))
	require.Equal(t, all[:2], interest(all, 0, farTick))
}

// Standings name the players who have walked farthest, and are read again as they were
// written.
func TestStandings(t *testing.T) {
	list, ok := parseStandings(standing{9, 4}.append(standing{1, 300}.append(nil)))
	require.True(t, ok)
	require.Equal(t, []standing{{1, 300}, {9, 4}}, list)
	for _, bad := range [][]byte{make([]byte, 5), make([]byte, (best+1)*standingSize), {0, 1, 255, 0, 0, 0}} {
		_, ok := parseStandings(bad)
		require.False(t, ok)
	}
}

// An input is repeated, applied once, and in order.
func TestInputs(t *testing.T) {
	s := newServer()
	peer := new(intentra.Peer)
	p := &player{peer: peer}
	s.players[peer] = p
	deliver := func(number uint32) {
		in := input{number: number}
		for i := range in.angles {
			in.angles[i] = byte(number - uint32(i))
		}
		s.receive(intentra.Received{Peer: peer, Message: intentra.Message{Channel: inputs, Payload: in.append(nil)}})
	}
	deliver(1)
	deliver(4) // 2 and 3 were lost
	deliver(2) // too late
	deliver(4)
	var numbers []uint32
	for _, in := range p.queue {
		numbers = append(numbers, in.number)
		require.EqualValues(t, in.number, in.angles[0])
	}
	require.Equal(t, []uint32{1, 2, 3, 4}, numbers)
	deliver(100)
	require.Len(t, p.queue, mostInputs)
}

func TestPage(t *testing.T) {
	c := newClient(1)
	c.newest = snapshot{number: 3, self: 7, entities: []entity{{7, vector{1, 2}}}}
	c.receive(intentra.Received{Message: intentra.Message{Channel: standings, Payload: standing{3, 250}.append(nil)}})
	h := pageHandler(c)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	require.Contains(t, w.Body.String(), "<canvas")
	w = httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("POST", "/steer", strings.NewReader(`{"angle":64}`)))
	require.Equal(t, 200, w.Code)
	require.EqualValues(t, 64, c.angle)
	w = httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("POST", "/steer", strings.NewReader(`{"angle":6400}`)))
	require.Equal(t, 400, w.Code)
	b, err := json.Marshal(c.picture())
	require.NoError(t, err)
	require.JSONEq(t, `{"number":3,"self":7,"own":[0,0],"entities":[[7,1,2]],"best":[[3,250]]}`, string(b))
}
