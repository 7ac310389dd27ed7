package conn

import (
	"slices"

	"github.com/intentra/intentra/wire"
)

// cookies holds the cookies that a dialer has been offered. An observer of its
// message 1 can offer any number of wrong ones, before and after the genuine one,
// and only the responder can tell them apart. The responder offers the genuine one
// again for each message 1 with a wrong one.
//
// The first few are tried as they arrive. If there are more, each message 1 takes
// one at random from those offered since the previous message 1. So with k wrong
// cookies for each genuine one it takes about k+1 attempts, in whatever order they
// arrive. Every newestEvery-th attempt takes the newest instead, which is the
// genuine one if all wrong ones come before it, however many they are.
type cookies struct {
	first     [firstCookies]cookieValue // those that were tried at once
	tried     int                       // of first
	contested bool                      // others have been offered

	waiting [firstCookies]cookieValue // a random sample of those offered ...
	offered uint32                    // cookies offered since message 1 was last sent
	newest  cookieValue
	turn    int // of the draws
}

type cookieValue = [wire.CookieSize]byte

// noCookie is in an Init without a cookie, and in a Cookie packet that asks the dialer
// to keep the one that it has and to wait.
var noCookie cookieValue

// offer adds a cookie, and reports whether it did and whether to try it at once. It
// must not be the one that was tried last.
func (k *cookies) offer(e *Endpoint, c cookieValue) (taken, atOnce bool) {
	if slices.Contains(k.waiting[:min(k.offered, firstCookies)], c) {
		return false, false
	}
	k.newest = c
	if !slices.Contains(k.first[:k.tried], c) {
		if k.tried < firstCookies {
			k.first[k.tried] = c
			k.tried++
			k.waiting[0], k.offered = c, 1
			return true, true
		}
		k.contested = true
	}
	k.offered++
	if k.offered <= firstCookies {
		k.waiting[k.offered-1] = c
		return true, false
	}
	place, ok := e.lot(k.offered)
	if ok && place < firstCookies {
		k.waiting[place] = c
	}
	return true, false
}

// next replaces the cookie by the one to try next, or leaves it if none has been
// offered since.
func (k *cookies) next(e *Endpoint, cookie []byte) {
	if k.offered == 0 {
		return
	}
	pick := k.newest
	if k.offered > 1 {
		if k.turn%newestEvery != 0 {
			if i, ok := e.lot(min(k.offered, firstCookies)); ok {
				pick = k.waiting[i]
			}
		}
		k.turn++
	}
	copy(cookie, pick[:])
	k.offered = 0
}
