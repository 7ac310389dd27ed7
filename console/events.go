package console

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/intentra/intentra"
)

// maxEvents is how many events a log keeps. Older ones are evicted.
const maxEvents = 256

// Events is a log of what has happened to a transport, for the page. The zero value is
// ready to use; its methods may be called from any goroutine and never block for long.
type Events struct {
	mu   sync.Mutex
	ring [maxEvents]event
	next uint64 // number of the next event
	name func(intentra.PublicKey) string
}

// event is one line of the log.
type event struct {
	Number uint64 `json:"n"`
	At     int64  `json:"t"` // milliseconds since 1970
	Kind   string `json:"k"`
	Text   string `json:"x"`
	Tone   string `json:"c,omitempty"` // "w" is a warning, "b" is bad, "a" is an accent
}

// PeerEvent adds a peer that has connected, restarted or disconnected. Pass it as, or
// call it from, the OnPeer of a transport or hub.
func (l *Events) PeerEvent(e intentra.PeerEvent) {
	if l == nil {
		panic(errNoEvents.Error())
	}
	if e.Peer == nil {
		return
	}
	who := l.nameOf(e.Peer.Key())
	switch e.Kind {
	case intentra.PeerUp:
		l.add("join", who, "")
	case intentra.PeerRestarted:
		l.add("restart", who+" has restarted", "a")
	case intentra.PeerDown:
		tone := "w"
		if e.Reason == intentra.CloseNormal {
			tone = ""
		}
		l.add("leave", fmt.Sprintf("%s, %s", who, e.Reason), tone)
	}
}

// Add adds an event of a program. A kind is one short word.
func (l *Events) Add(kind, text string) {
	if l == nil {
		panic(errNoEvents.Error())
	}
	l.add(kind, text, "")
}

func (l *Events) add(kind, text, tone string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ring[l.next%maxEvents] = event{l.next, time.Now().UnixMilli(), clip(kind, 16), clip(text, 200), tone}
	l.next++
}

func clip(s string, n int) string {
	if len(s) > n {
		return strings.ToValidUTF8(s[:n], "")
	}
	return s
}

// named sets how peers are called.
func (l *Events) named(name func(intentra.PublicKey) string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.name = name
}

func (l *Events) nameOf(k intentra.PublicKey) string {
	l.mu.Lock()
	name := l.name
	l.mu.Unlock()
	if name != nil {
		return name(k)
	}
	return k.String()[:8]
}

// since returns the events from number on that are still known, oldest first, and the
// number of the next one.
func (l *Events) since(number uint64) (list []event, next uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.next > maxEvents {
		number = max(number, l.next-maxEvents)
	}
	for ; number < l.next; number++ {
		list = append(list, l.ring[number%maxEvents])
	}
	return list, l.next
}
