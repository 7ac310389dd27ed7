package main

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"time"
)

// event is a change of an order book: prices in units of 1/10,000.
type event struct {
	at     time.Duration // since the first event
	symbol string
	kind   int // of the LOBSTER message format: 1 new, 2 partly cancelled, 3 deleted, 4 and 5 executed
	order  int64
	size   int
	price  int64
	buy    bool
}

// The kinds of events.
const (
	newOrder   = 1
	cancelPart = 2
	deleted    = 3
	executed   = 4
	hidden     = 5 // an execution against an order that was not visible
)

// readEvents reads a message file of LOBSTER (lobsterdata.com): lines of seconds, type,
// order, size, price and direction. A name that ends in .gz is decompressed.
func readEvents(name, symbol string) ([]event, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var r io.Reader = f
	if strings.HasSuffix(name, ".gz") {
		if r, err = gzip.NewReader(f); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	var all []event
	var first float64
	for lines := bufio.NewScanner(r); lines.Scan(); {
		e, seconds, err := parseEvent(lines.Text())
		if err != nil {
			return nil, fmt.Errorf("%s, line %d: %w", name, len(all)+1, err)
		}
		if len(all) == 0 {
			first = seconds
		}
		e.symbol, e.at = symbol, time.Duration((seconds-first)*float64(time.Second))
		all = append(all, e)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s has no messages", name)
	}
	return all, nil
}

func parseEvent(line string) (e event, seconds float64, err error) {
	fields := strings.Split(line, ",")
	if len(fields) < 6 {
		return e, 0, fmt.Errorf("%d fields, want 6", len(fields))
	}
	if seconds, err = strconv.ParseFloat(fields[0], 64); err != nil {
		return e, 0, err
	}
	var numbers [5]int64
	for i := range numbers {
		if numbers[i], err = strconv.ParseInt(fields[i+1], 10, 64); err != nil {
			return e, 0, err
		}
	}
	return event{kind: int(numbers[0]), order: numbers[1], size: int(numbers[2]), price: numbers[3], buy: numbers[4] == 1}, seconds, nil
}

// makeEvents makes up an hour of events at 17 a second: orders around a price that
// walks, of which some are deleted and some executed.
func makeEvents(seed uint64, n int) []event {
	rnd := rand.New(rand.NewPCG(seed, 0))
	type open struct {
		order int64
		price int64
		size  int
		buy   bool
		of    int // index in symbols
	}
	symbols := []string{"AAA", "BBB", "CCC", "DDD"}
	mid := []int64{1_000_000, 2_000_000, 500_000, 300_000}
	var book []open
	var all []event
	var at time.Duration
	for i := range n {
		at += time.Duration(rnd.ExpFloat64() * float64(time.Second) / 17)
		if len(book) < 50 || rnd.IntN(2) == 0 {
			s := rnd.IntN(len(symbols))
			mid[s] += int64(rnd.IntN(3)-1) * 100
			o := open{int64(i + 1), mid[s], 1 + rnd.IntN(500), rnd.IntN(2) == 0, s}
			away := int64(1+rnd.IntN(20)) * 100
			if o.buy {
				away = -away
			}
			o.price += away
			book = append(book, o)
			all = append(all, event{at, symbols[s], newOrder, o.order, o.size, o.price, o.buy})
			continue
		}
		j := rnd.IntN(len(book))
		o := book[j]
		kind := deleted
		if rnd.IntN(3) == 0 {
			kind = executed
		}
		all = append(all, event{at, symbols[o.of], kind, o.order, o.size, o.price, o.buy})
		book[j] = book[len(book)-1]
		book = book[:len(book)-1]
	}
	return all
}

// book is the state of one symbol: the visible orders, and the size at each price.
type book struct {
	orders map[int64]event
	levels [2]map[int64]int // bids and asks
}

func newBook() *book {
	return &book{orders: map[int64]event{}, levels: [2]map[int64]int{{}, {}}}
}

func side(e event) int {
	if e.buy {
		return 0
	}
	return 1
}

// apply changes the book. Events about orders from before the beginning change nothing.
func (b *book) apply(e event) {
	switch e.kind {
	case newOrder:
		b.orders[e.order] = e
		b.levels[side(e)][e.price] += e.size
	case cancelPart, deleted, executed:
		o, ok := b.orders[e.order]
		if !ok {
			return
		}
		size := min(e.size, o.size)
		o.size -= size
		if b.levels[side(o)][o.price] -= size; b.levels[side(o)][o.price] <= 0 {
			delete(b.levels[side(o)], o.price)
		}
		if b.orders[e.order] = o; o.size == 0 {
			delete(b.orders, e.order)
		}
	}
}

// best returns the highest bid and the lowest ask with their sizes, zero without any.
func (b *book) best() (bid, ask int64, bidSize, askSize int) {
	for price, size := range b.levels[0] {
		if price > bid {
			bid, bidSize = price, size
		}
	}
	for price, size := range b.levels[1] {
		if ask == 0 || price < ask {
			ask, askSize = price, size
		}
	}
	return bid, ask, bidSize, askSize
}
