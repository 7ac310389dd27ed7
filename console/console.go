package console

import (
	"embed"
	"encoding/json"
	"io"
	"io/fs"
	"net/http"
	"path"
	"slices"
	"strconv"
	"time"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/hub"
)

// What we chose.
const (
	// maxPages is how many pages may be open at a time. Others are refused with 503.
	maxPages = 32
	// writeTimeout is how long one message to a page may take. A page that takes longer
	// is disconnected.
	writeTimeout = 10 * time.Second
	// maxBody is the size of the largest request body.
	maxBody = 1 << 10
)

//go:embed page
var files embed.FS

// contentTypes are those of the files of the page.
var contentTypes = map[string]string{
	".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml",
}

// Console serves the page. Its methods may be called from any goroutine.
type Console struct {
	cfg     Config
	feed    *feed
	handler http.Handler
}

// New returns the page of a transport or hub. It returns an error if the configuration
// names neither, or its guard is invalid.
func New(cfg Config) (*Console, error) {
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	c := &Console{cfg: cfg}
	c.feed = &feed{cfg: &c.cfg}
	cfg.Events.named(func(k intentra.PublicKey) string { name, _ := c.cfg.nameOf(k); return name })
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", c.file)
	mux.HandleFunc("GET /{name}", c.file)
	mux.HandleFunc("GET /api/stream", c.stream)
	mux.HandleFunc("HEAD /api/stream", streamHead)
	mux.HandleFunc("GET /api/peer", c.peer)
	mux.HandleFunc("POST /api/control", c.control)
	c.handler = cfg.Guard.Handler(mux)
	return c, nil
}

// ServeHTTP implements [http.Handler]. The page is at the root: a program that mounts it
// elsewhere strips the prefix.
func (c *Console) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if c == nil || c.handler == nil {
		panic(errNoConsole.Error())
	}
	if w == nil || r == nil || r.URL == nil {
		panic("console: ServeHTTP of a nil response or request; net/http passes both")
	}
	c.handler.ServeHTTP(w, r)
}

// Close ends the streams of all pages that are open, and refuses new ones. Pages try to
// connect again, so a program can put another Console in its place. It returns nil.
func (c *Console) Close() error {
	if c == nil || c.feed == nil {
		return errNoConsole
	}
	c.feed.close()
	return nil
}

// Pages returns how many pages are open, and how many samples have been taken for them so
// far.
func (c *Console) Pages() (open int, samples uint64) {
	if c == nil || c.feed == nil {
		panic(errNoConsole.Error())
	}
	c.feed.mu.Lock()
	defer c.feed.mu.Unlock()
	return c.feed.pages, c.feed.samples
}

// file serves a file of the page.
func (c *Console) file(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	if name == "" {
		name = "index.html"
	}
	text, err := fs.ReadFile(files, path.Join("page", path.Clean("/"+name)))
	kind := contentTypes[path.Ext(name)]
	if err != nil || kind == "" {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Cache-Control", "no-cache")
	_, _ = w.Write(text) // the client is gone if it fails
}

// streamHead answers HEAD with the header of a stream. Without it net/http would pass HEAD to
// stream, whose writes it discards: nothing would read the stream, which would count as a page.
func streamHead(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
}

// stream sends samples as server-sent events until the client or the console goes away.
// A client that reads slowly receives fewer, and each says how many it has missed.
func (c *Console) stream(w http.ResponseWriter, r *http.Request) {
	cursor, first, ok := c.feed.open()
	if !ok {
		w.Header().Set("Retry-After", "5")
		http.Error(w, "too many pages are open", http.StatusServiceUnavailable)
		return
	}
	defer c.feed.leave()
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	if r.ProtoMajor == 1 {
		// The stream ends with its connection, so it needs no chunks, and net/http then
		// writes a message with one system call in place of three.
		w.Header().Set("Transfer-Encoding", "identity")
	}
	out := http.NewResponseController(w)
	_ = out.SetReadDeadline(time.Time{}) // a stream lasts longer than a request may take to arrive
	send := func(message []byte) bool {
		_ = out.SetWriteDeadline(time.Now().Add(writeTimeout)) // without deadlines, the server's apply
		_, err := w.Write(message)
		return err == nil && out.Flush() == nil
	}
	if !send(slices.Concat([]byte("retry: 1000\nevent: hello\ndata: "), first, []byte("\n\n"))) {
		return
	}
	for {
		message, wait, ended := c.feed.next(&cursor)
		switch {
		case ended:
			return
		case message != nil:
			if !send(message) {
				return
			}
			continue
		}
		select {
		case <-wait:
		case <-r.Context().Done():
			return
		}
	}
}

// detail is what a page shows of one peer on request.
type detail struct {
	Name      string       `json:"name"`
	Key       string       `json:"key"`
	Identity  string       `json:"identity"`
	Addr      string       `json:"addr"`
	Connected bool         `json:"connected"`
	Session   uint64       `json:"session"`
	Rekeys    uint64       `json:"rekeys"`
	Restarts  uint64       `json:"restarts"`
	RTTMin    float64      `json:"rttMin"` // ms
	Packets   [2]uint64    `json:"packets"`
	Bytes     [2]uint64    `json:"bytes"`
	Decided   [2]uint64    `json:"decided"` // acknowledged, lost
	InFlight  [2]int       `json:"inFlight"`
	Quiet     float64      `json:"quiet"` // seconds since the latest packet
	Drops     []detailDrop `json:"drops"`
	Topics    []detailItem `json:"topics"`
}

type detailDrop struct {
	Stage  string `json:"stage"`
	Reason string `json:"reason"`
	Count  uint64 `json:"n"`
}

type detailItem struct {
	Path        string `json:"path"`
	Intent      string `json:"intent"`
	Updates     uint64 `json:"updates"`
	Subscribers int    `json:"subs"`
}

// maxDetailTopics is how many topics of one peer a page shows.
const maxDetailTopics = 32

// peer answers with the detail of one peer.
func (c *Console) peer(w http.ResponseWriter, r *http.Request) {
	number, err := strconv.ParseUint(r.FormValue("id"), 10, 32)
	d, ok := detail{}, false
	if err == nil {
		d, ok = c.feed.detail(uint32(number))
	}
	if !ok {
		http.NotFound(w, r)
		return
	}
	answer(w, &d)
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(v) // the client is gone if it fails
}

// detail reads one peer, unless no page is open.
func (f *feed) detail(number uint32) (d detail, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.sampler == nil {
		return d, false
	}
	row := f.sampler.peers.find(number)
	if row == nil {
		return d, false
	}
	s := row.stats
	if row.peer != nil {
		s = row.peer.Stats()
	}
	d = detail{
		Name: row.name, Key: s.Key.String(), Identity: s.Identity.String(), Addr: s.Addr.String(), Connected: s.Connected,
		Session: s.Session, Rekeys: s.Rekeys, Restarts: row.hub.Restarts, RTTMin: float64(s.RTTMin) / 1e6,
		Packets: [2]uint64{s.PacketsIn, s.PacketsOut}, Bytes: [2]uint64{s.BytesIn, s.BytesOut}, Decided: [2]uint64{s.Acked, s.Lost},
		InFlight: [2]int{s.InFlight, s.InFlightBound}, Quiet: max(time.Since(start)-row.moved, 0).Seconds(),
		Drops: []detailDrop{}, Topics: []detailItem{},
	}
	for _, n := range s.Drops {
		d.Drops = append(d.Drops, detailDrop{n.Stage, n.Reason, n.Count})
	}
	for i, n := range row.hub.Drops {
		if n > 0 {
			d.Drops = append(d.Drops, detailDrop{"hub", hub.DropReason(i).String(), n})
		}
	}
	if s.SendDrops > 0 {
		d.Drops = append(d.Drops, detailDrop{"queue", "send", s.SendDrops})
	}
	if s.ReceiveDrops > 0 {
		d.Drops = append(d.Drops, detailDrop{"app", "overwritten", s.ReceiveDrops})
	}
	for _, t := range f.sampler.topics.of(row.name) {
		d.Topics = append(d.Topics, detailItem{t.Path, t.Intent.String(), t.Updates, t.Subscribers})
	}
	return d, true
}

// of returns topics of one publisher.
func (b *topicBook) of(publisher string) (list []hub.TopicState) {
	if b.hub == nil {
		return nil
	}
	list, _ = b.hub.Survey(nil, publisher+"/", maxDetailTopics)
	for i, t := range list {
		if t.Publisher != publisher {
			return list[:i]
		}
	}
	return list
}

// control changes a setting of a demonstration.
func (c *Console) control(w http.ResponseWriter, r *http.Request) {
	if c.cfg.Controls == nil {
		http.Error(w, "this page is read-only", http.StatusNotFound)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var request struct {
		Name  string  `json:"name"`
		Value float64 `json:"value"`
	}
	if err != nil || json.Unmarshal(body, &request) != nil {
		http.Error(w, `the body is not {"name":...,"value":...}`, http.StatusBadRequest)
		return
	}
	if err := c.cfg.Controls.Set(request.Name, request.Value); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	answer(w, c.cfg.Controls.Settings())
}
