package intentra

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/internal/journal"
	"github.com/intentra/intentra/internal/recovered"
	"github.com/intentra/intentra/internal/recvq"
	"github.com/intentra/intentra/internal/resolve"
	"github.com/intentra/intentra/internal/roster"
	"github.com/intentra/intentra/udp"
)

// Listen opens a socket on addr and starts the event loop. addr is "host:port",
// where an empty host means all addresses and port 0 a free port. The transport
// runs until Close, Shutdown, or the end of Run. The error is an [ErrConfig], or one
// of resolving the address or opening the socket.
func Listen(addr string, cfg Config) (*Transport, error) {
	local, err := resolve.Local(addr)
	if err != nil {
		return nil, err
	}
	return listen(local, cfg)
}

func listen(local netip.AddrPort, cfg Config) (*Transport, error) {
	cfg, core, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	t := &Transport{
		start: time.Now(),
		done:  make(chan struct{}),
		work:  make(chan *conn.Job, workerQueue),
		peers: make(map[PublicKey]*Peer),

		resolver: resolve.Remotes,
	}
	cfg.Logger = recovered.Logger(cfg.Logger, &t.panics)
	if cfg.Socket.Logger == nil {
		cfg.Socket.Logger = cfg.Logger
	} else {
		cfg.Socket.Logger = recovered.Logger(cfg.Socket.Logger, &t.panics)
	}
	t.cfg = cfg
	t.cfg.Key = PrivateKey{}
	t.clock = t.now
	t.resolving, t.stop = context.WithCancel(context.Background())
	t.known = roster.New(func(p *Peer) *int32 { return &p.places.known })
	t.connected = roster.New(func(p *Peer) *int32 { return &p.places.connected })
	t.received = recvq.NewGroup[*Peer](cfg.ReceiveQueue, t.timeOf)
	t.identity = core.Identity
	core.Logger = cfg.Logger
	core.Rand, core.Deliver, core.Room, core.GivenUp, core.Touched = rand.Reader, t.deliver, t.room, t.givenUp, t.touched
	origin := t.start.UnixNano() - int64(clockStart)
	core.ClockStart = origin
	if t.core, err = journal.New(core, cfg.recorder(), origin); err != nil {
		return nil, fmt.Errorf("intentra: %w", err)
	}
	t.small = smallMessage(t.core.Outbound().MaxGrowth())
	t.public = t.identity.Public()
	if t.socket, err = udp.Listen(local, cfg.Socket); err != nil {
		return nil, fmt.Errorf("intentra: %w", err)
	}
	if err := t.core.Begin(t.socket.LocalAddr()); err != nil {
		return nil, errors.Join(fmt.Errorf("intentra: %w", err), t.socket.Close())
	}
	t.checkBuffers()
	t.publish(0, true)
	go t.runWorker()
	go t.run()
	return t, nil
}

// checkBuffers logs a warning if the socket's buffers are smaller than requested:
// the kernel reports no error, and bursts of datagrams are lost.
func (t *Transport) checkBuffers() {
	read, write := t.socket.Granted()
	for _, b := range []struct {
		name           string
		asked, granted int
		sysctl         string // the limit on Linux
	}{
		{"read", cmp.Or(t.cfg.Socket.ReadBuffer, udp.DefaultBuffer), read, "net.core.rmem_max"},
		{"write", cmp.Or(t.cfg.Socket.WriteBuffer, udp.DefaultBuffer), write, "net.core.wmem_max"},
	} {
		if b.granted < b.asked {
			t.cfg.Logger.Warn("the socket buffer is smaller than requested; raise the limit of the kernel",
				"buffer", b.name, "asked", b.asked, "granted", b.granted, "sysctl", b.sysctl)
		}
	}
}
