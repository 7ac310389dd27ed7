package load

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/udp"
)

// Drops counts lost packets and messages by "stage/reason". Losses outside the
// stages have other names in place of a stage: send and receive are the queues
// to the application, read and write the socket calls, and socket is the
// kernel's receive buffer.
type Drops map[string]uint64

// DropsOf returns the drops of s that are not zero.
func DropsOf(s intentra.Stats) Drops {
	d := Drops{}
	d.Add(s)
	return d
}

// Add adds the drops of s.
func (d Drops) Add(s intentra.Stats) {
	d.addChain(s.In.Drops)
	d.addChain(s.Out.Drops)
	for _, c := range s.SendDrops {
		d.Count("send", c.Name, c.Count)
	}
	d.Count("receive", "overwritten", s.ReceiveDrops)
	d.Count("socket", "overflow", s.Socket.Overflowed)
	for i := range s.Socket.ReadLoss {
		d.Count("read", udp.Loss(i).String(), s.Socket.ReadLoss[i])
		d.Count("write", udp.Loss(i).String(), s.Socket.WriteLoss[i])
	}
}

func (d Drops) addChain(rows []pipeline.DropCount) {
	for _, r := range rows {
		d.Count(r.Stage, r.Reason, r.Packets+r.Messages)
	}
}

// Count adds n drops, unless n is zero.
func (d Drops) Count(stage, reason string, n uint64) {
	if n > 0 {
		d[stage+"/"+reason] += n
	}
}

// Merge adds other drops.
func (d Drops) Merge(other Drops) {
	for name, n := range other {
		d[name] += n
	}
}

// Since returns by how much each count has grown since earlier, without those
// that have not.
func (d Drops) Since(earlier Drops) Drops {
	diff := Drops{}
	for name, n := range d {
		if n > earlier[name] {
			diff[name] = n - earlier[name]
		}
	}
	return diff
}

// Sum returns the total of all drops.
func (d Drops) Sum() (n uint64) {
	for _, count := range d {
		n += count
	}
	return n
}

// List describes each count, in the order of the names.
func (d Drops) List() []string {
	var rows []string
	for _, name := range slices.Sorted(maps.Keys(d)) {
		rows = append(rows, fmt.Sprintf("%s %d", name, d[name]))
	}
	return rows
}

// String lists the drops by name, or returns "none".
func (d Drops) String() string {
	if len(d) == 0 {
		return "none"
	}
	return strings.Join(d.List(), ", ")
}
