package udp

import (
	"net"
	"strconv"
	"time"
)

// zones translates between the zones of link-local addresses and the indexes of
// interfaces. It caches results, because a query takes a netlink dump. The zero value
// is ready to use. It is not safe for concurrent use.
type zones struct {
	kept [maxZones]zone
	next int // index of the oldest entry, which is replaced next
}

// zone is a cached result, valid until a time.
type zone struct {
	name  string
	index uint32 // 0 if there is no such interface
	until time.Time
}

// Constants of this implementation.
const (
	maxZones = 16
	zoneTTL  = time.Second
)

// name returns the name of the interface with an index, or the index in decimal if
// there is no such interface.
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

// index returns the index of the interface whose name or decimal index is name.
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
