package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// namespaces are network namespaces, each with an address, connected by a bridge in another
// one. This process is in none of them, but connected to the bridge.
type namespaces struct {
	names []string
	link  string
}

const trialNet = "10.253.7."

func address(i int) string { return fmt.Sprint(trialNet, 10+i) }

func command(args ...string) error {
	out, err := exec.Command(args[0], args[1:]...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("trial: %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}

func newNamespaces(n int) (*namespaces, error) {
	id := fmt.Sprintf("itr%d", os.Getpid()%100_000)
	ns := &namespaces{link: id + "h"}
	bridge := id + "-b"
	lines := [][]string{
		{"ip", "netns", "add", bridge},
		{"ip", "-n", bridge, "link", "add", "br0", "type", "bridge"},
		{"ip", "-n", bridge, "link", "set", "br0", "up"},
		{"ip", "link", "add", ns.link, "type", "veth", "peer", "name", "host", "netns", bridge},
		{"ip", "-n", bridge, "link", "set", "host", "master", "br0", "up"},
		{"ip", "addr", "add", trialNet + "1/24", "dev", ns.link},
		{"ip", "link", "set", ns.link, "up"},
	}
	ns.names = append(ns.names, bridge)
	for i := range n {
		name, port := fmt.Sprintf("%s-%d", id, i), fmt.Sprintf("p%d", i)
		ns.names = append(ns.names, name)
		lines = append(lines,
			[]string{"ip", "netns", "add", name},
			[]string{"ip", "-n", name, "link", "add", "eth0", "type", "veth", "peer", "name", port, "netns", bridge},
			[]string{"ip", "-n", bridge, "link", "set", port, "master", "br0", "up"},
			[]string{"ip", "-n", name, "addr", "add", address(i) + "/24", "dev", "eth0"},
			[]string{"ip", "-n", name, "link", "set", "eth0", "up"},
			[]string{"ip", "-n", name, "link", "set", "lo", "up"},
		)
	}
	for _, line := range lines {
		if err := command(line...); err != nil {
			ns.close()
			return nil, err
		}
	}
	return ns, nil
}

// cut drops everything between two namespaces, or no longer does.
func (ns *namespaces) cut(a, b int, cut bool) error {
	verb := "add"
	if !cut {
		verb = "del"
	}
	for _, way := range [][2]int{{a, b}, {b, a}} {
		if err := command("ip", "-n", ns.names[1+way[0]], "route", verb, "blackhole", address(way[1])+"/32"); err != nil {
			return err
		}
	}
	return nil
}

func (ns *namespaces) close() {
	_ = command("ip", "link", "del", ns.link) // best effort, and it may not exist
	for _, name := range ns.names {
		_ = command("ip", "netns", "del", name)
	}
}

// partition cuts two of the hubs from each other, whose servers are embedded. Peers and other
// hubs reach both.
func (t *trial) partition(ctx context.Context) error {
	ns, err := newNamespaces(t.Hubs)
	if err != nil {
		return err
	}
	t.links = ns
	dir := filepath.Join(t.dir, "certs")
	var names, routes []string
	for i := range t.Hubs {
		names = append(names, fmt.Sprintf("hub-%d=%s", i, address(i)))
		routes = append(routes, address(i)+":6222")
	}
	if err := (&certsCommand{Dir: dir, Hubs: names, Days: 1}).Run(ctx, &output{t.out, t.out}); err != nil {
		return err
	}
	for i := range t.Hubs {
		file := filepath.Join(dir, fmt.Sprint("hub-", i))
		others := slices.Delete(slices.Clone(routes), i, i+1)
		err := t.startHub([]string{"ip", "netns", "exec", ns.names[1+i]}, address(i), "--cluster", routes[i], "--routes", strings.Join(others, ","),
			"--cert", file+".pem", "--cert-key", file+".key", "--ca", filepath.Join(dir, "ca.pem"))
		if err != nil {
			return err
		}
	}
	if err := t.gather(ctx, t.anyHub); err != nil {
		return err
	}
	if err := ns.cut(0, 1, true); err != nil {
		return err
	}
	t.say("hubs 0 and 1 are cut from each other")
	if !sleep(ctx, t.Pause) {
		return context.Cause(ctx)
	}
	a, b := t.hubs[0].Key, t.hubs[1].Key
	across := func(subscriber, publisher int) bool {
		x, y := t.crowd.clients[subscriber].Peer().Key(), t.crowd.clients[publisher].Peer().Key()
		return x == a && y == b || x == b && y == a
	}
	_, others, _ := t.crowd.gaps(func(subscriber, publisher int) bool { return !across(subscriber, publisher) })
	_, cut, _ := t.crowd.gaps(across)
	t.say("after %v: longest time without a state %v for pairs across the cut, %v for others", t.Pause, cut.Round(time.Millisecond), others.Round(time.Millisecond))
	if err := ns.cut(0, 1, false); err != nil {
		return err
	}
	t.say("the cut has ended")
	return t.refresh(ctx, "without it")
}
