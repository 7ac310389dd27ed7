package console

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/internal/loopback"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/stages"
)

// server returns a transport with a stage of its own, and its page.
func server(t *testing.T, change func(*Config)) (*intentra.Transport, *Console, *httptest.Server) {
	l := loopback.Listen(t, intentra.Config{Stages: func(s *stages.Set) error {
		s.InsertAfter("ack", pipeline.Func("fence", []string{"outside"}, func(p *pipeline.Packet) pipeline.Verdict {
			if string(p.Payload()) == "out" {
				return pipeline.DropFirst
			}
			return pipeline.Accept
		}))
		return nil
	}})
	cfg := Config{Transport: l, Name: "robot"}
	if change != nil {
		change(&cfg)
	}
	c, err := New(cfg)
	require.NoError(t, err)
	s := httptest.NewServer(c)
	t.Cleanup(s.Close)
	t.Cleanup(func() { _ = c.Close() })
	return l, c, s
}

// page is an open stream.
type page struct {
	t    *testing.T
	r    *bufio.Scanner
	stop func()
}

func openPage(t *testing.T, url string) *page {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/api/stream", nil)
	require.NoError(t, err)
	answer, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, answer.StatusCode)
	t.Cleanup(func() { cancel(); _ = answer.Body.Close() })
	s := bufio.NewScanner(answer.Body)
	s.Buffer(nil, 1<<20)
	return &page{t, s, cancel}
}

// next reads the next message into v.
func (p *page) next(v any) {
	p.t.Helper()
	for p.r.Scan() {
		if text, ok := strings.CutPrefix(p.r.Text(), "data: "); ok {
			require.NoError(p.t, json.Unmarshal([]byte(text), v))
			return
		}
	}
	require.Fail(p.t, "the stream has ended", "%v", p.r.Err())
}

// message is what the tests read of a frame.
type message struct {
	N      uint64
	In     chainTotals
	Peers  [][]any
	Broken string
}

// A page learns the stages, also those of the program, and what they drop.
func TestStream(t *testing.T) {
	l, c, s := server(t, nil)
	peer := loopback.Dial(t, l, intentra.Config{})
	p := openPage(t, s.URL)
	var h hello
	p.next(&h)
	require.Equal(t, "robot", h.Name)
	require.Equal(t, l.PublicKey().String(), h.Key)
	require.Subset(t, h.In.Stages, []string{"cookie", "ack", "fence", "dispatch"})
	for i, stage := range h.In.Stages {
		require.Equal(t, stage == "fence", h.In.Custom[i], stage)
	}
	require.Equal(t, []bool{false, false, false}, h.Out.Custom)
	require.NoError(t, peer.SendWait(t.Context(), intentra.Message{Intent: intentra.Reliable, Payload: []byte("out")}))
	name := ""
	for last := uint64(0); ; {
		var m message
		p.next(&m)
		require.Greater(t, m.N, last)
		require.Empty(t, m.Broken)
		last = m.N
		for _, row := range m.Peers {
			name = row[1].(string)
		}
		found := false
		for _, d := range m.In.Drops {
			found = found || h.In.Drops[d[0]] == [2]string{"fence", "outside"} && d[2] == 1
		}
		if found && name != "" {
			break
		}
	}
	require.Equal(t, peer.Transport().PublicKey().String()[:8], name)
	open, _ := c.Pages()
	require.Equal(t, 1, open)
}

// Nothing is sampled before the first page opens and after the last one has closed.
func TestNothingIsSampledWithoutAPage(t *testing.T) {
	_, c, s := server(t, nil)
	_, samples := c.Pages()
	require.Zero(t, samples)
	p := openPage(t, s.URL)
	var h hello
	p.next(&h)
	p.stop()
	loopback.Eventually(t, t.Context(), "the page is closed", func() bool { open, _ := c.Pages(); return open == 0 })
	c.feed.mu.Lock()
	defer c.feed.mu.Unlock()
	require.Nil(t, c.feed.sampler)
	select {
	case <-c.feed.stop:
	default:
		require.Fail(t, "the goroutine that samples goes on")
	}
}

// More pages than the limit are refused, and become possible again.
func TestPagesAreLimited(t *testing.T) {
	_, c, s := server(t, nil)
	var pages []*page
	for range maxPages {
		pages = append(pages, openPage(t, s.URL))
	}
	answer, err := http.Get(s.URL + "/api/stream")
	require.NoError(t, err)
	defer answer.Body.Close()
	require.Equal(t, http.StatusServiceUnavailable, answer.StatusCode)
	pages[0].stop()
	loopback.Eventually(t, t.Context(), "a page is closed", func() bool { open, _ := c.Pages(); return open == maxPages-1 })
	openPage(t, s.URL)
	require.NoError(t, c.Close())
	for pages[1].r.Scan() {
	}
	require.NoError(t, pages[1].r.Err(), "Close ends the streams in good order")
}

// A page that has missed samples receives their sum, and how many they were.
func TestSlowPagesReceiveFewer(t *testing.T) {
	l, c, _ := server(t, nil)
	loopback.Dial(t, l, intentra.Config{})
	slow, _, ok := c.feed.open()
	require.True(t, ok)
	defer c.feed.leave()
	_, _, _ = c.feed.next(&slow)
	c.feed.mu.Lock()
	for range 25 {
		c.feed.take()
	}
	late := c.feed.sampler.version
	c.feed.mu.Unlock()
	text, _, ended := c.feed.next(&slow)
	require.False(t, ended)
	var m struct {
		N, Skipped uint64
		Peers      [][]any
	}
	require.NoError(t, json.Unmarshal(bytes.TrimPrefix(text, []byte("data: ")), &m))
	require.GreaterOrEqual(t, m.N, late)
	require.Equal(t, m.N-2, m.Skipped)
}

// Details and controls answer what exists, and refuse the rest.
func TestDetailsAndControls(t *testing.T) {
	knobs := &knobs{}
	l, _, s := server(t, func(c *Config) { c.Controls = knobs })
	loopback.Dial(t, l, intentra.Config{})
	code := func(method, path, body string) int {
		r, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, strings.NewReader(body))
		require.NoError(t, err)
		answer, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		defer answer.Body.Close()
		_, _ = io.Copy(io.Discard, answer.Body)
		return answer.StatusCode
	}
	require.Equal(t, 404, code("GET", "/api/peer?id=0", ""), "no page is open")
	p := openPage(t, s.URL)
	var h hello
	p.next(&h)
	require.Equal(t, 200, code("GET", "/api/peer?id=0", ""))
	for path, want := range map[string]int{"/api/peer?id=1": 404, "/api/peer?id=-1": 404, "/api/peer": 404, "/../go.mod": 404, "/page/main.js": 404, "/main.js": 200, "/": 200} {
		require.Equal(t, want, code("GET", path, ""), path)
	}
	require.Equal(t, 200, code("POST", "/api/control", `{"name":"rate","value":5}`))
	require.Equal(t, 5.0, knobs.rate)
	require.Equal(t, 400, code("POST", "/api/control", `{"name":"other","value":5}`))
	require.Equal(t, 400, code("POST", "/api/control", `nonsense`))
	require.Equal(t, 400, code("POST", "/api/control", `{"name":"`+strings.Repeat("x", maxBody)+`"}`))
	require.Equal(t, 405, code("DELETE", "/api/control", ""))
	_, _, readOnly := server(t, nil)
	answer, err := http.Post(readOnly.URL+"/api/control", "application/json", strings.NewReader(`{"name":"rate","value":5}`))
	require.NoError(t, err)
	defer answer.Body.Close()
	require.Equal(t, 404, answer.StatusCode)
}

type knobs struct{ rate float64 }

func (k *knobs) Settings() []Setting { return []Setting{{Name: "rate", Max: 10, Value: k.rate}} }

func (k *knobs) Set(name string, v float64) error {
	if name != "rate" {
		return net.ErrClosed
	}
	k.rate = v
	return nil
}

// The log keeps the newest events.
func TestEventsAtTheirCap(t *testing.T) {
	var l Events
	for range maxEvents + 3 {
		l.Add("kind", strings.Repeat("ü", 200))
	}
	list, next := l.since(0)
	require.Len(t, list, maxEvents)
	require.EqualValues(t, 3, list[0].Number)
	require.EqualValues(t, maxEvents+3, next)
	require.LessOrEqual(t, len(list[0].Text), 200)
	list, _ = l.since(next)
	require.Empty(t, list)
}

// Quantiles are within their bucket.
func TestAges(t *testing.T) {
	var a ageCounts
	for i := range 1000 {
		a.add(time.Duration(i+1) * 10 * time.Microsecond) // up to 10 ms
	}
	require.InEpsilon(t, 5, a.quantile(0.5), 0.1)
	require.InEpsilon(t, 9.9, a.quantile(0.99), 0.15)
	a.add(time.Hour)
	require.EqualValues(t, 1, a[ageBuckets])
	require.EqualValues(t, 1001, a.total())
	require.Zero(t, (&ageCounts{}).since(&a))
	require.True(t, (&ageCounts{}).quantile(0.5) != (&ageCounts{}).quantile(0.5), "NaN without counts")
}

// The jitter of a topic comes from the times and counts of samples alone.
func TestArrivals(t *testing.T) {
	var a arrival
	for i := range 100 {
		a.add(uint64(10*i+10), time.Duration(i)*100*time.Millisecond)
	}
	require.InDelta(t, 0.010, a.interval, 1e-9)
	require.InDelta(t, 0, a.jitter, 1e-9)
	for i := range 400 {
		late := time.Duration(i%2) * 4 * time.Millisecond
		a.add(uint64(1010+10*i), time.Duration(100+i)*100*time.Millisecond+late)
	}
	require.InDelta(t, 0.004, a.jitter, 0.001)
	a.add(5, time.Hour) // declared again
	require.Zero(t, a.jitter)
}

// HEAD answers with the header of a stream, and opens none.
func TestHeadOpensNoPage(t *testing.T) {
	_, c, s := server(t, nil)
	answer, err := http.Head(s.URL + "/api/stream")
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.Equal(t, http.StatusOK, answer.StatusCode)
	require.Equal(t, "text/event-stream", answer.Header.Get("Content-Type"))
	require.Equal(t, "no-store", answer.Header.Get("Cache-Control"))
	_, samples := c.Pages()
	require.Zero(t, samples, "a page takes a sample when it opens")
	answer, err = http.Post(s.URL+"/api/stream", "", nil)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.Equal(t, http.StatusMethodNotAllowed, answer.StatusCode)
}
