package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/examples/internal/site"
	"github.com/intentra/intentra/hub"
)

// quote is the payload of a quote: the best prices of a symbol. Number counts the
// quotes of the symbol.
type quote struct {
	Number  int   `json:"number"`
	At      int64 `json:"at_us"`
	Bid     int64 `json:"bid"`
	Ask     int64 `json:"ask"`
	BidSize int   `json:"bid_size"`
	AskSize int   `json:"ask_size"`
}

// trade is the payload of a trade. Number counts the trades of the symbol.
type trade struct {
	Number int   `json:"number"`
	At     int64 `json:"at_us"`
	Price  int64 `json:"price"`
	Size   int   `json:"size"`
}

// exchange publishes the quotes and trades that follow from events.
type exchange struct {
	client *hub.Client
	events []event
	speed  float64 // of the events, relative to the recording
	began  time.Duration
	lines  map[string]*listing
}

// listing is what the exchange publishes of one symbol.
type listing struct {
	*book
	quotes, trades *hub.Publication
	last           quote
	sent           time.Duration // when last was sent
	sold           int
}

// refresh is how long a quote may stay unchanged before it is sent again. A lost Latest
// message is not repeated by itself, since normally the next one follows: a topic that
// may rest must repeat its newest value.
const refresh = 100 * time.Millisecond

// newExchange declares two topics for each symbol. A quote is Latest, because a newer
// one makes an older one worthless. A trade is Reliable, because each counts.
func newExchange(s site.Site, events []event, speed float64) (*exchange, error) {
	c, err := s.Join("exchange", false)
	if err != nil {
		return nil, err
	}
	x := &exchange{client: c, events: events, speed: speed, lines: map[string]*listing{}}
	for _, e := range events {
		if x.lines[e.symbol] != nil {
			continue
		}
		l := &listing{book: newBook()}
		if l.quotes, err = c.DeclareAsync(hub.Topic{Name: "quote/" + e.symbol, Encoding: "json"}); err != nil {
			return nil, err
		}
		if l.trades, err = c.DeclareAsync(hub.Topic{Name: "trade/" + e.symbol, Intent: intentra.Reliable, Encoding: "json"}); err != nil {
			return nil, err
		}
		x.lines[e.symbol] = l
	}
	return x, nil
}

// step publishes what has happened by now. It returns false after the last event.
func (x *exchange) step(now time.Duration) (more bool, err error) {
	due := time.Duration(float64(now-x.began) * x.speed)
	for len(x.events) > 0 && x.events[0].at <= due {
		e := x.events[0]
		x.events = x.events[1:]
		if err := x.lines[e.symbol].happen(now, e); err != nil {
			return false, fmt.Errorf("%s: %w", e.symbol, err)
		}
	}
	for symbol, l := range x.lines {
		if l.last.Number > 0 && now-l.sent >= refresh {
			l.sent = now
			if err := send(l.quotes, l.last); err != nil {
				return false, fmt.Errorf("%s: %w", symbol, err)
			}
		}
	}
	return len(x.events) > 0, nil
}

func (l *listing) happen(now time.Duration, e event) error {
	l.apply(e)
	if e.kind == executed || e.kind == hidden {
		l.sold++
		if err := send(l.trades, trade{l.sold, now.Microseconds(), e.price, e.size}); err != nil {
			return err
		}
	}
	bid, ask, bidSize, askSize := l.best()
	q := quote{l.last.Number, l.last.At, bid, ask, bidSize, askSize}
	if q == l.last {
		return nil
	}
	q.Number, q.At = q.Number+1, now.Microseconds()
	l.last, l.sent = q, now
	return send(l.quotes, q)
}

func send(p *hub.Publication, v any) error {
	payload, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return p.Send(payload)
}

// reader subscribes to all quotes and trades, and reads as often as period says.
type reader struct {
	name    string
	period  time.Duration
	batch   int // the most quotes, and trades, that it reads at a time
	quotes  *hub.Stream
	trades  *hub.Stream
	next    time.Duration
	stalled [2]time.Duration // reads nothing from the first to the second

	latest    map[string]quote
	received  int
	backwards int // quotes that were older than one seen before
	ages      []time.Duration
	count     map[string]int // trades by symbol
	gaps      int            // trades whose number was not the next one
	missed    uint64         // trades, as the hub said when it ended the subscription
	client    *hub.Client
}

func newReader(s site.Site, name string, period time.Duration, batch int) (*reader, error) {
	r := &reader{name: name, period: period, batch: batch, latest: map[string]quote{}, count: map[string]int{}}
	var err error
	if r.client, err = s.Join(name, false); err != nil {
		return nil, err
	}
	if r.quotes, err = r.client.SubscribeAsync(hub.Subscription{Pattern: "exchange/quote/*", Cached: true}); err != nil {
		return nil, err
	}
	r.trades, err = r.client.SubscribeAsync(hub.Subscription{Pattern: "exchange/trade/*", Buffer: tradeBuffer})
	return r, err
}

// tradeBuffer is how many trades wait for a reader. One that is further behind loses its
// subscription, and learns how many trades it has missed.
const tradeBuffer = 1 << 16

// step reads, if it is time to.
func (r *reader) step(now time.Duration) error {
	if now < r.next || now >= r.stalled[0] && now < r.stalled[1] {
		return nil
	}
	r.next = now + r.period
	for range r.batch {
		u, ok, err := r.quotes.Poll()
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		var q quote
		if err := json.Unmarshal(u.Payload, &q); err != nil {
			return err
		}
		if q == r.latest[u.Topic.Name] {
			continue // repeated
		}
		r.received++
		if q.Number < r.latest[u.Topic.Name].Number {
			r.backwards++
		}
		r.latest[u.Topic.Name] = q
		r.ages = append(r.ages, now-time.Duration(q.At)*time.Microsecond)
	}
	return r.readTrades()
}

func (r *reader) readTrades() error {
	for range r.batch {
		if r.missed > 0 {
			return nil
		}
		u, ok, err := r.trades.Poll()
		if missed, isMissed := errors.AsType[*hub.MissedError](err); isMissed {
			r.missed = missed.Missed
			return nil
		}
		if err != nil {
			return err
		}
		if !ok {
			return nil
		}
		var t trade
		if err := json.Unmarshal(u.Payload, &t); err != nil {
			return err
		}
		if r.count[u.Topic.Name]++; t.Number != r.count[u.Topic.Name] {
			r.gaps++
			r.count[u.Topic.Name] = t.Number
		}
	}
	return nil
}
