package intentra_test

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/intentra/intentra"
	"github.com/intentra/intentra/internal/loopback"
)

// namespaces are two hosts, 10.200.1.2 and 10.200.2.2, with a router between them, each
// a network namespace of this process.
type namespaces struct {
	t      *testing.T
	prefix string
}

// newNamespaces makes them, or skips the test where that is not possible.
func newNamespaces(t *testing.T) *namespaces {
	if os.Geteuid() != 0 {
		t.Skip("network namespaces need root")
	}
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skip("the command ip of iproute2 is not installed")
	}
	n := &namespaces{t, fmt.Sprintf("intentra-%d-", os.Getpid())}
	t.Cleanup(func() {
		for _, name := range []string{"a", "r", "b"} {
			_ = exec.Command("ip", "netns", "del", n.prefix+name).Run()
		}
	})
	if out, err := exec.Command("ip", "netns", "add", n.prefix+"a").CombinedOutput(); err != nil {
		t.Skipf("no network namespaces here: %v: %s", err, out)
	}
	n.run("netns add %sr")
	n.run("netns add %sb")
	if out, err := exec.Command("ip", "link", "add", "eth0", "netns", n.prefix+"a", "type", "veth", "peer", "eth1", "netns", n.prefix+"r").CombinedOutput(); err != nil {
		t.Skipf("no veth here: %v: %s", err, out)
	}
	n.run("link add eth0 netns %[1]sb type veth peer eth2 netns %[1]sr")
	for _, set := range []string{
		"a address add 10.200.1.2/24 dev eth0", "r address add 10.200.1.1/24 dev eth1", "r address add 10.200.2.1/24 dev eth2", "b address add 10.200.2.2/24 dev eth0",
		"a link set eth0 up", "r link set eth1 up", "r link set eth2 up", "b link set eth0 up",
		"a route add default via 10.200.1.1", "b route add default via 10.200.2.1",
	} {
		n.run("-n %s" + set)
	}
	n.in("r", func() { require.NoError(t, os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0o600)) })
	return n
}

// run runs a command of ip, with the prefix for each verb in it.
func (n *namespaces) run(command string) {
	out, err := exec.Command("ip", strings.Fields(fmt.Sprintf(command, n.prefix))...).CombinedOutput()
	require.NoError(n.t, err, "ip %s: %s", command, out)
}

// setMTU sets the MTU of a device, such as "r/eth2".
func (n *namespaces) setMTU(device string, mtu int) {
	host, name, _ := strings.Cut(device, "/")
	n.run("-n %s" + fmt.Sprintf("%s link set %s mtu %d", host, name, mtu))
}

// in calls f on a thread in a namespace. Sockets that f opens stay there.
func (n *namespaces) in(name string, f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never unlock: the thread ends with the goroutine
		ns, err := os.Open("/run/netns/" + n.prefix + name)
		if err == nil {
			err = unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET)
			_ = ns.Close()
		}
		if err == nil {
			f()
		} else {
			n.t.Errorf("entering the namespace: %v", err)
		}
	}()
	<-done
}

// TestPathMTU: with a small MTU on the way, on a router or on the sender's own
// interface, all Reliable messages arrive, and states in datagrams that the path
// carries. The kernel drops what is larger.
func TestPathMTU(t *testing.T) {
	n := newNamespaces(t)
	ctx := loopback.Context(t)
	for _, tt := range []struct {
		device    string
		mtu, size int // of messages
		most      int // size of the datagrams in the end
	}{
		{"a/eth0", 1500, 500, 1472}, {"r/eth2", 1200, 500, 1172}, {"a/eth0", 1200, 500, 1172}, {"r/eth2", 1000, 500, 972},
		// Messages that need IP fragments.
		{"r/eth2", 600, 1100, 572}, {"a/eth0", 600, 1100, 572},
	} {
		t.Run(fmt.Sprintf("%s=%d", strings.ReplaceAll(tt.device, "/", "."), tt.mtu), func(t *testing.T) {
			for _, device := range []string{"a/eth0", "r/eth1", "r/eth2", "b/eth0"} {
				n.setMTU(device, 1500)
			}
			n.setMTU(tt.device, tt.mtu)
			var l *intentra.Transport
			var p *intentra.Peer
			n.in("b", func() {
				l = loopback.ListenOn(t, "10.200.2.2:0", intentra.Config{})
			})
			n.in("a", func() {
				d := loopback.ListenOn(t, "10.200.1.2:0", intentra.Config{})
				var err error
				p, err = d.Dial(ctx, l.LocalAddr().String(), l.PublicKey())
				require.NoError(t, err)
			})
			const messages = 500
			go func() {
				for i := range messages {
					m := intentra.Message{Channel: uint32(i), Intent: intentra.Reliable, Payload: make([]byte, tt.size)}
					if err := p.SendWait(ctx, m); err != nil {
						t.Errorf("message %d: %v", i, err)
						return
					}
				}
			}()
			got := map[uint32]bool{}
			for len(got) < messages {
				got[loopback.Receive(t, ctx, l).Channel] = true
			}
			require.LessOrEqual(t, p.Stats().DatagramSize, tt.most)
			require.Equal(t, uint64(1), p.Session(), "one session")
		})
	}
}
