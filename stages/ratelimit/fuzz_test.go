package ratelimit

import (
	"bytes"
	"encoding/binary"
	"math"
	"net/netip"
	"testing"

	"github.com/intentra/intentra/fuzz"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
	"github.com/stretchr/testify/require"
)

// FuzzBucket is a peer that sends packets at any time, and a clock that jumps. The
// bucket must agree with exact arithmetic.
func FuzzBucket(f *testing.F) {
	f.Add(uint32(10_000), uint32(500), []byte("\x00\x00\x00\x00\x00\x00\x00\x01"))
	f.Add(uint32(math.MaxUint32), uint32(math.MaxUint32), bytes.Repeat([]byte{0x7f, 0xff, 0x80, 0}, 8))
	f.Add(uint32(1), uint32(1), []byte("\x80\x00\x00\x00\x00\x00\x00\x00\x7f\xff\xff\xff\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, rate, burst uint32, times []byte) {
		b, e := Bucket{}, newExact(rate, burst)
		for ; len(times) >= 8; times = times[8:] {
			now := pipeline.Time(binary.BigEndian.Uint64(times))
			for range 3 {
				require.Equal(t, e.take(now), b.Take(now, rate, burst), "rate %d, burst %d, now %d", rate, burst, now)
			}
		}
	})
}

// FuzzStage is anyone on the network, with any bytes from any address. An attacker
// without a key cannot change what a peer may send: the peer's bucket is as full as
// before, and so is its handshake budget unless a well-formed Init came.
func FuzzStage(f *testing.F) {
	f.Add(dataPacket(epochA, 'f'), []byte{192, 0, 2, 1}, uint16(2000))
	f.Add(initPacket(), []byte{192, 0, 2, 1}, uint16(2000))
	f.Add(initPacket()[:100], []byte{192, 0, 2, 1}, uint16(1001))
	f.Add([]byte{}, make([]byte, 16), uint16(3))
	f.Fuzz(func(t *testing.T, data, ip []byte, times uint16) {
		r := newRig(t, Config{TableSize: 16})
		addr, _ := netip.AddrFromSlice(ip)
		from, before := netip.AddrPortFrom(addr, 1), bytes.Clone(data)
		for range times%2048 + 1 {
			p := new(pipeline.Packet)
			p.Reset(data, from, second)
			switch v := r.stage.Process(p); v {
			case pipeline.Accept, DropPeerRate, DropAddressRate:
				r.stage.Settle(p, v)
			default:
				t.Fatalf("undeclared verdict %d", v)
			}
		}
		require.Equal(t, before, data)
		require.Zero(t, r.stage.peers.Get(peerA).packets.missing)
		h, fault := wire.ParseHeader(data)
		isInit := h.Type == wire.TypeInit && fault == wire.FaultNone
		require.Equal(t, isInit, r.stage.proven.Bucket(addr).missing > 0)
	})
}

// FuzzStageLaws holds the stage to the laws of package fuzz, at rates that its
// inputs exceed.
func FuzzStageLaws(f *testing.F) {
	cfg := Config{Rate: 100, Burst: 3, AddressRate: 100, AddressBurst: 3, TableSize: 16}
	fuzz.Stage(f, func() *Stage { return must(New(cfg)) }, fuzz.AllocFree())
}

// must is for the constructors passed to package fuzz, which have no *testing.T.
func must(s *Stage, err error) *Stage {
	if err != nil {
		panic(err)
	}
	return s
}
