package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/udp"
)

// drops counts lost packets and messages by "stage/reason". What is no stage
// has a name of its own in its place: send and receive are the queues towards
// the application, read and write the calls of the socket, and socket the
// kernel's queue before them.
type drops map[string]uint64

// dropsOf returns the drops, without the zero rows.
func dropsOf(s intentra.Stats) drops {
	d := drops{}
	d.add(s)
	return d
}

// add adds the drops of s.
func (d drops) add(s intentra.Stats) {
	d.addChain(s.In.Drops)
	d.addChain(s.Out.Drops)
	for _, c := range s.SendDrops {
		d.count("send", c.Name, c.Count)
	}
	d.count("receive", "overwritten", s.ReceiveDrops)
	d.count("socket", "overflow", s.Socket.Overflowed)
	for i := range s.Socket.ReadLoss {
		d.count("read", udp.Loss(i).String(), s.Socket.ReadLoss[i])
		d.count("write", udp.Loss(i).String(), s.Socket.WriteLoss[i])
	}
}

func (d drops) addChain(rows []pipeline.DropCount) {
	for _, r := range rows {
		d.count(r.Stage, r.Reason, r.Packets+r.Messages)
	}
}

func (d drops) count(stage, reason string, n uint64) {
	if n > 0 {
		d[stage+"/"+reason] += n
	}
}

// since returns what came on top of earlier.
func (d drops) since(earlier drops) drops {
	diff := drops{}
	for name, n := range d {
		if n > earlier[name] {
			diff[name] = n - earlier[name]
		}
	}
	return diff
}

// String lists the drops by name.
func (d drops) String() string {
	if len(d) == 0 {
		return "none"
	}
	var rows []string
	for _, name := range slices.Sorted(maps.Keys(d)) {
		rows = append(rows, fmt.Sprintf("%s %d", name, d[name]))
	}
	return strings.Join(rows, ", ")
}
