package console

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const secret = "0123456789abcdef"

// ask returns the code of the answer to a request, which change alters.
func ask(g Guard, change func(r *http.Request)) (int, http.Header) {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Host, r.RemoteAddr = "127.0.0.1:8080", "127.0.0.1:50000"
	change(r)
	w := httptest.NewRecorder()
	g.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })).ServeHTTP(w, r)
	return w.Code, w.Header()
}

func TestGuard(t *testing.T) {
	open, closed := Guard{Hosts: []string{"robot.example"}}, Guard{Token: secret, Hosts: []string{"robot.example"}}
	app := Guard{Origins: []string{"https://app.example"}}
	for name, c := range map[string]struct {
		guard  Guard
		change func(r *http.Request)
		want   int
	}{
		"this machine":       {open, func(*http.Request) {}, 204},
		"localhost":          {open, func(r *http.Request) { r.Host = "LocalHost:1" }, 204},
		"IPv6":               {open, func(r *http.Request) { r.Host = "[::1]:1" }, 204},
		"a configured name":  {open, func(r *http.Request) { r.Host = "robot.example" }, 204},
		"rebinding":          {open, func(r *http.Request) { r.Host = "evil.example:8080" }, 421},
		"a suffix of a name": {open, func(r *http.Request) { r.Host = "robot.example.evil" }, 421},
		"no host":            {open, func(r *http.Request) { r.Host = "" }, 421},
		"another address":    {open, func(r *http.Request) { r.Host = "192.0.2.1" }, 421},
		"another machine":    {open, func(r *http.Request) { r.RemoteAddr = "192.0.2.9:1" }, 403},
		"another origin":     {open, func(r *http.Request) { r.Header.Set("Origin", "http://evil.example") }, 403},
		"another port":       {open, func(r *http.Request) { r.Header.Set("Origin", "http://127.0.0.1:1") }, 403},
		"a null origin":      {open, func(r *http.Request) { r.Header.Set("Origin", "null") }, 403},
		"the same origin":    {open, func(r *http.Request) { r.Header.Set("Origin", "http://127.0.0.1:8080") }, 204},
		"an image elsewhere": {open, func(r *http.Request) {
			r.Header.Set("Sec-Fetch-Site", "cross-site")
			r.Header.Set("Sec-Fetch-Mode", "no-cors")
		}, 403},
		"a frame elsewhere":     {open, func(r *http.Request) { fetch(r, "cross-site", "navigate", "iframe") }, 403},
		"a link elsewhere":      {open, func(r *http.Request) { fetch(r, "cross-site", "navigate", "document") }, 204},
		"a form elsewhere":      {open, func(r *http.Request) { r.Method = http.MethodPost; fetch(r, "cross-site", "navigate", "document") }, 403},
		"a post of a sibling":   {open, func(r *http.Request) { r.Method = http.MethodPost; fetch(r, "same-site", "cors", "empty") }, 403},
		"a post of ours":        {open, func(r *http.Request) { r.Method = http.MethodPost; fetch(r, "same-origin", "cors", "empty") }, 204},
		"an origin that may":    {app, func(r *http.Request) { r.Header.Set("Origin", "https://app.example") }, 204},
		"its other scheme":      {app, func(r *http.Request) { r.Header.Set("Origin", "http://app.example") }, 403},
		"its neighbour":         {app, func(r *http.Request) { r.Header.Set("Origin", "https://app.example.evil") }, 403},
		"no token":              {closed, func(*http.Request) {}, 401},
		"a wrong token":         {closed, func(r *http.Request) { r.Header.Set("Authorization", "Bearer 0123456789abcdeg") }, 401},
		"a prefix of the token": {closed, func(r *http.Request) { r.Header.Set("Authorization", "Bearer 0123") }, 401},
		"an empty cookie":       {closed, func(r *http.Request) { r.AddCookie(&http.Cookie{Name: cookieName}) }, 401},
		"bearer":                {closed, func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+secret) }, 204},
		"basic":                 {closed, func(r *http.Request) { r.SetBasicAuth("any", secret) }, 204},
		"cookie":                {closed, func(r *http.Request) { r.AddCookie(&http.Cookie{Name: cookieName, Value: secret}) }, 204},
		"a token from elsewhere": {closed, func(r *http.Request) {
			r.Host, r.RemoteAddr = "192.0.2.1:8080", "192.0.2.9:1"
			r.SetBasicAuth("", secret)
		}, 204},
		"a token and a wrong name": {closed, func(r *http.Request) { r.Host = "evil.example"; r.SetBasicAuth("", secret) }, 421},
		"the token in the address": {closed, func(r *http.Request) { r.URL, _ = url.Parse("/?token=" + secret + "&theme=dark") }, 303},
		"a WebSocket with a token": {closed, func(r *http.Request) {
			r.URL, _ = url.Parse("/?token=" + secret)
			r.Header.Set("Upgrade", "websocket")
		}, 204},
		"a WebSocket without one":   {closed, func(r *http.Request) { r.Header.Set("Upgrade", "websocket") }, 401},
		"a wrong token in the link": {closed, func(r *http.Request) { r.URL, _ = url.Parse("/?token=wrong") }, 401},
	} {
		got, header := ask(c.guard, c.change)
		require.Equal(t, c.want, got, name)
		require.Contains(t, header.Get("Content-Security-Policy"), "default-src 'none'", name)
		require.Equal(t, "nosniff", header.Get("X-Content-Type-Options"), name)
		if got == 303 {
			require.Equal(t, "./?theme=dark", header.Get("Location"))
			require.Contains(t, header.Get("Set-Cookie"), "HttpOnly; SameSite=Strict")
		}
		require.NotContains(t, header.Get("Location"), secret)
	}
}

func fetch(r *http.Request, site, mode, dest string) {
	r.Header.Set("Sec-Fetch-Site", site)
	r.Header.Set("Sec-Fetch-Mode", mode)
	r.Header.Set("Sec-Fetch-Dest", dest)
}

func TestGuardRejectsBadConfigurations(t *testing.T) {
	for _, g := range []Guard{{Token: "short"}, {Hosts: []string{""}}, {Hosts: []string{"http://x"}}, {Hosts: []string{"x:1"}},
		{Origins: []string{"app.example"}}, {Origins: []string{"https://app.example/"}}, {Origins: []string{"*"}}} {
		require.Error(t, g.Check())
		require.Panics(t, func() { g.Handler(http.NotFoundHandler()) })
	}
	require.Panics(t, func() { Guard{}.Handler(nil) })
}

// Everything in the page comes from its own files: no script, style or address is in the
// HTML, and nothing makes HTML from text.
func TestPageKeepsItsPolicy(t *testing.T) {
	entries, err := files.ReadDir("page")
	require.NoError(t, err)
	require.Greater(t, len(entries), 10)
	for _, e := range entries {
		text, err := files.ReadFile("page/" + e.Name())
		require.NoError(t, err)
		for _, word := range []string{"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "https://", "onclick=", "<style", "style=\""} {
			require.NotContains(t, string(text), word, e.Name())
		}
		if strings.Contains(string(text), "http://") {
			require.Equal(t, strings.Count(string(text), "http://"), strings.Count(string(text), "http://www.w3.org/2000/svg"), e.Name())
		}
		require.NotEmpty(t, contentTypes[e.Name()[strings.LastIndexByte(e.Name(), '.'):]], e.Name())
	}
}
