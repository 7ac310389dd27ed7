package journal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// read returns all items of a capture, and the error that ended it.
func read(t testing.TB, b []byte) (all []Item, err error) {
	c, err := NewCapture(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	for {
		it, err := c.Next()
		if err == io.EOF {
			return all, nil
		}
		if err != nil {
			return all, err
		}
		require.False(t, it.Packet == nil && it.Entry == nil)
		all = append(all, it)
	}
}

func requirePacket(t *testing.T, it Item, number int, at time.Time, data string) {
	t.Helper()
	require.NotNil(t, it.Packet)
	require.Nil(t, it.Entry)
	require.Equal(t, number, it.Packet.Number)
	require.True(t, it.Packet.Whole)
	require.True(t, at.Equal(it.Packet.Time), "%v", it.Packet.Time)
	require.Equal(t, data, string(it.Packet.Data))
	require.Equal(t, "10.0.0.1:5", it.Packet.From.String())
	require.Equal(t, "10.0.0.2:6", it.Packet.To.String())
}

func datagram(data string) []byte {
	return appendIP(nil, addrPort("10.0.0.1:5"), addrPort("10.0.0.2:6"), []byte(data))
}

func TestOpen(t *testing.T) {
	dir := t.TempDir()
	_, err := Open(filepath.Join(dir, "none"))
	require.ErrorIs(t, err, os.ErrNotExist)
	for _, text := range []string{"", "abc", "not a capture"} {
		name := filepath.Join(dir, "text")
		require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
		_, err = Open(name)
		require.ErrorIs(t, err, ErrCapture)
		require.ErrorContains(t, err, name)
	}
	_, err = Open(dir)
	require.ErrorIs(t, err, ErrCapture)
	require.ErrorContains(t, err, "is a directory")
	broken := errors.New("broken")
	_, err = NewCapture(errReader{broken})
	require.ErrorIs(t, err, broken)
	require.NotErrorIs(t, err, ErrCapture)
	name := filepath.Join(dir, "a.pcap")
	require.NoError(t, os.WriteFile(name, pcap(binary.LittleEndian, pcapMicro, 101, datagram("x")), 0o600))
	c, err := Open(name)
	require.NoError(t, err)
	require.False(t, c.Begun())
	_, err = c.Next()
	require.NoError(t, err)
	require.True(t, c.Begun())
	_, err = c.Next()
	require.Equal(t, io.EOF, err)
	require.NoError(t, c.Close())
	c, err = NewCapture(bytes.NewReader(pcap(binary.LittleEndian, pcapMicro, 101)))
	require.NoError(t, err)
	require.NoError(t, c.Close())

	_, err = NewCapture(nil)
	require.EqualError(t, err, "recording: the reader of a capture is nil")
	_, err = new(Capture).Next()
	require.EqualError(t, err, "recording: the capture was not opened with Open or NewCapture")
	require.NoError(t, new(Capture).Close())
}

// An entry may be longer than the 65,535 bytes of an option, as a large datagram may
// hold thousands of messages that are all dropped.
func TestLongEntryOfAPacket(t *testing.T) {
	for _, n := range []int{0, 1, 100, 2_000, 2_500, 3_000, 50_000} {
		e := Entry{Kind: Received, At: 5, Addr: addrPort("10.0.0.1:5")}
		e.Outcome.Verdict = "accept"
		for i := range n {
			e.Outcome.Dropped = append(e.Outcome.Dropped, []string{"ack/beyond_window", "größe/maß"}[i%2])
		}
		b := appendSection(nil, "test")
		b = appendPacket(b, &outline{7, datagram("data"), flagInbound, e.Outcome.String()}, seal(nil, encode(e), 5))
		all, err := read(t, b)
		require.NoError(t, err, "%d drops", n)
		require.Len(t, all, 1)
		e.Data, e.Number = []byte("data"), 5
		require.Equal(t, &e, all[0].Entry)
		require.Equal(t, "data", string(all[0].Packet.Data))
	}
}

// The attacker of FuzzCapture sends us a capture. Any bytes are read to their end or
// rejected, with memory bounded by the largest block and a multiple of the bytes.
func FuzzCapture(f *testing.F) {
	for _, o := range orders {
		w := &ng{order: o}
		w.section()
		w.link(101, 0, 9)
		w.packet(0, 5_000_000_007, datagram("nano"), len(datagram("nano")), w.words(w.option(2988, string(w.words(32473))+sealed(`{"kind":"received"}`, 1)), 0)...)
		w.block(3, len(datagram("simple!")), string(datagram("simple!")))
		w.entry(`{"kind":"flush"}`, 1)
		f.Add(w.Bytes())
		w = &ng{order: o}
		w.journal(Version)
		w.entry(`{"kind":"flush"}`, 2)
		w.block(0xbad, 7, 0)
		w.packet(0, 7, datagram("nano"), len(datagram("nano")), w.words(w.option(2988, string(w.words(32473))+sealed(`{"kind":"received"}`, 3)), 0)...)
		f.Add(w.Bytes())
		f.Add(pcap(o, pcapMicro, 1, append(append(make([]byte, 12), 0x81, 0, 0, 9, 8, 0), datagram("x")...)))
		f.Add(pcap(o, pcapNano, 276, append(make([]byte, 20), datagram("x")...)))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		all, err := read(t, in)
		runtime.ReadMemStats(&after)
		require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(maxBlock+1<<20+200*len(in)))
		require.LessOrEqual(t, len(all), len(in)/12, "each item takes a block")
		for i, it := range all {
			if p := it.Packet; p != nil && p.Data != nil {
				require.True(t, p.Whole)
				require.True(t, p.From.IsValid() && p.To.IsValid())
				require.True(t, bytes.Contains(in, p.Data), i)
			}
		}
		if err != nil && err != io.ErrUnexpectedEOF {
			require.ErrorIs(t, err, ErrCapture)
		}
	})
}
