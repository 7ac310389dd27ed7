package udp

import (
	"net"
	"strconv"
	"time"
)

// zones translates between the zones of link-local addresses and the indexes
// of interfaces. Asking the kernel takes a netlink dump, so the answers are
// kept for a while. The zero value is ready to use, by one goroutine.
type zones struct {
	kept [maxZones]zone
	next int // the oldest one, which the next answer replaces
}

// zone is an answer of the kernel, good until a time.
type zone struct {
	name  string
	index uint32 // 0: there is no such interface
	until time.Time
}

// What we chose.
const (
	maxZones = 16
	zoneTTL  = time.Second
)

// name returns the name of the interface, or its number if it has none.
func (z *zones) name(index uint32) string {
	now := time.Now()
	for i := range z.kept {
		if k := &z.kept[i]; k.index == index && now.Before(k.until) {
			return k.name
		}
	}
	name := strconv.FormatUint(uint64(index), 10)
	if ifi, err := net.InterfaceByIndex(int(index)); err == nil {
		name = ifi.Name
	}
	z.keep(zone{name, index, now.Add(zoneTTL)})
	return name
}

// index returns the index of the interface that is named, or numbered, name.
func (z *zones) index(name string) (index uint32, ok bool) {
	now := time.Now()
	for i := range z.kept {
		if k := &z.kept[i]; k.name == name && now.Before(k.until) {
			return k.index, k.index != 0
		}
	}
	if ifi, err := net.InterfaceByName(name); err == nil {
		index = uint32(ifi.Index)
	} else if n, err := strconv.ParseUint(name, 10, 31); err == nil {
		index = uint32(n)
	}
	z.keep(zone{name, index, now.Add(zoneTTL)})
	return index, index != 0
}

func (z *zones) keep(k zone) {
	z.kept[z.next] = k
	z.next = (z.next + 1) % maxZones
}
