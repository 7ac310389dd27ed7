package main

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"time"
)

//go:embed page.html
var page []byte

// picture is what the browser gets of a snapshot.
type picture struct {
	Number   uint32       `json:"number"`
	Self     uint16       `json:"self"`
	Own      [2]float64   `json:"own"`
	Entities [][3]float64 `json:"entities"` // number, x, y
	Best     [][2]uint32  `json:"best"`     // number, units walked
}

// picture returns what the browser draws now.
func (c *client) picture() picture {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := picture{Number: c.newest.number, Self: c.newest.self, Own: [2]float64{c.at.x, c.at.y}}
	for _, e := range c.newest.entities {
		p.Entities = append(p.Entities, [3]float64{float64(e.id), e.at.x, e.at.y})
	}
	for _, s := range c.best {
		p.Best = append(p.Best, [2]uint32{uint32(s.id), s.walked})
	}
	return p
}

// steer sets the direction of a player: 0 stands still.
func (c *client) steer(angle byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.angle = angle
}

// pageHandler serves the page of one player. The browser gets pictures as server-sent
// events, and posts directions.
func pageHandler(c *client) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write(page)
	})
	mux.HandleFunc("POST /steer", func(w http.ResponseWriter, r *http.Request) {
		var body struct{ Angle byte }
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 100)).Decode(&body); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		c.steer(body.Angle)
	})
	mux.HandleFunc("HEAD /pictures", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream") // of GET, which would not end
	})
	mux.HandleFunc("GET /pictures", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		ticks := time.NewTicker(time.Second / 30)
		defer ticks.Stop()
		flush := http.NewResponseController(w)
		for {
			b, err := json.Marshal(c.picture())
			if err != nil {
				return
			}
			if _, err := fmt.Fprintf(w, "data: %s\n\n", b); err != nil || flush.Flush() != nil {
				return
			}
			select {
			case <-ticks.C:
			case <-r.Context().Done():
				return
			}
		}
	})
	return mux
}

// servePage serves the page until the process ends, and returns its URL.
func servePage(addr string, c *client) (string, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return "", err
	}
	server := &http.Server{Handler: pageHandler(c), ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = server.Serve(l) }()
	return "http://" + l.Addr().String() + "/", nil
}
