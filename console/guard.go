package console

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// Guard decides which HTTP requests are answered. The zero Guard answers those that come
// from this machine alone.
//
// A request must name this server in its Host header: an IP address, localhost, or one of
// Hosts. Other names are refused, because an attacker's page can point a name of its own at
// this server (DNS rebinding). A request from a page of another origin is refused, unless
// Origins lists it.
type Guard struct {
	// Token must be presented by every request, if it is set: as the password of basic
	// authentication, as a bearer token, as the parameter "token" of the first request,
	// or in the cookie that this first request sets. At least 16 characters. Without a
	// token, requests from other machines are refused.
	Token string
	// Hosts are names, without a port, by which browsers may reach this server.
	Hosts []string
	// Origins are other origins, such as "https://app.example", whose pages may send
	// requests: a scheme, a host and, unless it is the scheme's own, a port.
	Origins []string
}

// minToken is the length of the shortest token.
const minToken = 16

var errToken = errors.New("the token is shorter than 16 characters")

// Check returns an error if the token is too short, or a host or an origin is malformed.
func (g Guard) Check() error {
	if g.Token != "" && len(g.Token) < minToken {
		return errToken
	}
	for _, h := range g.Hosts {
		if h == "" || strings.ContainsAny(h, ":/ ") {
			return fmt.Errorf("%q is not a host name", h)
		}
	}
	for _, o := range g.Origins {
		if u, err := url.Parse(o); err != nil || u.Scheme == "" || u.Host == "" || u.Scheme+"://"+u.Host != o {
			return fmt.Errorf("%q is not an origin, such as https://app.example", o)
		}
	}
	return nil
}

// policy is the Content-Security-Policy of every answer. The page loads its own files and
// nothing else, and creates no HTML from text.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

// Handler returns a handler that passes on what the guard allows to next, and refuses the
// rest. It also sets the headers that keep browsers from doing what the page does not need.
// It panics if next is nil or Check fails.
func (g Guard) Handler(next http.Handler) http.Handler {
	if next == nil {
		panic("console: Guard.Handler: the handler is nil")
	}
	if err := g.Check(); err != nil {
		panic("console: " + err.Error())
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		if text, code := g.refuse(r); code != 0 {
			if code == http.StatusUnauthorized {
				h.Set("WWW-Authenticate", `Basic realm="intentra", charset="UTF-8"`)
			}
			http.Error(w, text, code)
			return
		}
		// A WebSocket cannot be redirected.
		if g.Token != "" && r.URL.Query().Has("token") && r.Method == http.MethodGet && r.Header.Get("Upgrade") == "" {
			g.remember(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// refuse returns the text and the code of a refusal, or 0.
func (g Guard) refuse(r *http.Request) (string, int) {
	switch {
	case !g.knows(r.Host):
		return "this server is not known by that name; use its address, or allow the name (intentra: --http-host NAME; in a program: Guard.Hosts)", http.StatusMisdirectedRequest
	case g.crossOrigin(r):
		return "requests from other origins are refused", http.StatusForbidden
	case g.Token == "" && !local(r.RemoteAddr):
		return "without a token, only requests from this machine are answered", http.StatusForbidden
	case g.Token != "" && !g.presented(r):
		return "a token is required", http.StatusUnauthorized
	}
	return "", 0
}

// knows reports whether a Host header may name this server.
func (g Guard) knows(hostPort string) bool {
	host := hostPort
	if h, _, err := net.SplitHostPort(hostPort); err == nil {
		host = h
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if strings.EqualFold(host, "localhost") {
		return true
	}
	if addr, err := netip.ParseAddr(host); err == nil {
		return g.Token != "" || addr.IsLoopback()
	}
	for _, name := range g.Hosts {
		if strings.EqualFold(host, name) {
			return true
		}
	}
	return false
}

// crossOrigin reports whether a page of another origin has caused the request. Following a
// link is allowed, if it only reads.
func (g Guard) crossOrigin(r *http.Request) bool {
	reads := r.Method == http.MethodGet || r.Method == http.MethodHead
	if origin := r.Header.Get("Origin"); origin != "" {
		u, err := url.Parse(origin)
		return (err != nil || u.Host != r.Host) && !slices.Contains(g.Origins, origin)
	}
	switch r.Header.Get("Sec-Fetch-Site") {
	case "same-origin", "none":
		return false
	case "": // not a browser, or an old one, which sends Origin with what it posts
		return !reads && r.Header.Get("Cookie") != ""
	}
	return !reads || r.Header.Get("Sec-Fetch-Mode") != "navigate" || r.Header.Get("Sec-Fetch-Dest") != "document"
}

// local reports whether a request comes from this machine.
func local(remote string) bool {
	addr, err := netip.ParseAddrPort(remote)
	return err == nil && addr.Addr().Unmap().IsLoopback()
}

// cookieName is the name of the cookie that has the token.
const cookieName = "intentra-token"

// presented reports whether the request has the token.
func (g Guard) presented(r *http.Request) bool {
	candidates := []string{r.URL.Query().Get("token"), strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")}
	if _, password, ok := r.BasicAuth(); ok {
		candidates = append(candidates, password)
	}
	if c, err := r.Cookie(cookieName); err == nil {
		candidates = append(candidates, c.Value)
	}
	found := 0
	for _, c := range candidates {
		found |= subtle.ConstantTimeCompare([]byte(c), []byte(g.Token))
	}
	return found == 1
}

// remember moves the token from the address, which browsers show and keep, to a cookie.
func (g Guard) remember(w http.ResponseWriter, r *http.Request) {
	http.SetCookie(w, &http.Cookie{
		Name: cookieName, Value: g.Token, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: r.TLS != nil,
	})
	q := r.URL.Query()
	q.Del("token")
	// Relative, because a program may have stripped a prefix from the path.
	target := "./" + url.PathEscape(r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:])
	if rest := q.Encode(); rest != "" {
		target += "?" + rest
	}
	w.Header().Set("Location", target)
	w.WriteHeader(http.StatusSeeOther)
}
