package cookie_test

import (
	"crypto/rand"
	"fmt"
	"net/netip"
	"time"

	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/stages/cookie"
	"github.com/intentra/intentra/wire"
)

// A cookie proves an address without any state for it: it is valid for the first
// message and the address that it was made for, for a limited time.
func ExampleJar() {
	init := wire.AppendHeader(nil, wire.Header{Type: wire.TypeInit, Suite: wire.AESGCM, Sender: 1})
	init = append(init, make([]byte, wire.InitSize-wire.HeaderSize)...)
	dialer := netip.MustParseAddrPort("192.0.2.1:4242")
	now := pipeline.Time(0)

	jar := cookie.NewJar(rand.Reader)
	c, _ := jar.Cookie(now, dialer, init)
	copy(wire.InitCookie(init), c[:])

	fmt.Println(jar.Verify(now, dialer, init))
	fmt.Println(jar.Verify(now, netip.MustParseAddrPort("198.51.100.1:4242"), init))
	fmt.Println(jar.Verify(now+pipeline.Time(10*time.Minute), dialer, init))
	// Output:
	// true
	// false
	// false
}
