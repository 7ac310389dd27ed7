package conn

import (
	"slices"

	"github.com/intentra/intentra/wire"
)

// cookies are those that a dialer has been offered. Whoever sees its message 1
// can offer wrong ones, before and behind the genuine one, as many as he likes;
// only the responder can tell which it is. The responder offers it anew for each
// message 1 with a wrong one.
//
// The first few are tried as they come. When there have been more, one of those
// offered since message 1 was last sent is drawn by lot each time, so that k
// wrong ones for each genuine one make it take about k+1 times, wherever they
// stand. Now and then it is the newest instead: that is the genuine one, however
// many there are, if all that is wrong comes before it.
type cookies struct {
	first     [firstCookies]cookieValue // those that were tried at once
	tried     int                       // of first
	contested bool                      // there have been others

	waiting [firstCookies]cookieValue // a random few (reservoir) of those offered ...
	offered uint32                    // ... since message 1 was last sent: so many
	newest  cookieValue
	turn    int // of the draws
}

type cookieValue = [wire.CookieSize]byte

// offer takes a cookie in, and reports whether it has, and whether it is to be
// tried at once. It must not be the one that was tried last.
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

// next puts the cookie to be tried next in the place of the last one, which
// stays if none has been offered since.
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
