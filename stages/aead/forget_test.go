package aead

import (
	"crypto/cipher"
	"runtime"
	"testing"
	"weak"

	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
	"github.com/stretchr/testify/require"
)

// traced is a cipher whose collection the test observes.
type traced struct{ cipher.AEAD }

// After an epoch has closed neither stage refers to its cipher: its slot is zero, and the
// key is collected.
func TestKeyOfClosedEpochIsCollected(t *testing.T) {
	seal, open := NewSeal(), New()
	n := pipeline.EpochNotice{Epoch: epochA}
	seal.EpochOpened(n)
	open.EpochOpened(n)
	install := func() (sealing, opening weak.Pointer[traced]) {
		s, o := &traced{newKey(t, wire.AESGCM, 1).cipher}, &traced{newKey(t, wire.AESGCM, 1).cipher}
		seal.InstallKey(epochA, NewKey(wire.AESGCM, s), 0)
		open.InstallKey(epochA, NewKey(wire.AESGCM, o))
		data := sealed(t, seal, epochA, 0, "frames")
		_, v := receive(open, epochA, 0, data)
		require.Equal(t, pipeline.Accept, v)
		return weak.Make(s), weak.Make(o)
	}
	sealing, opening := install()
	runtime.GC()
	require.NotNil(t, sealing.Value())
	require.NotNil(t, opening.Value())

	sealSlot, openSlot := seal.keys.Get(epochA), open.keys.Get(epochA)
	seal.EpochClosed(n)
	open.EpochClosed(n)
	require.Zero(t, *sealSlot)
	require.Zero(t, *openSlot)
	runtime.GC()
	require.Nil(t, sealing.Value())
	require.Nil(t, opening.Value())
	runtime.KeepAlive(seal)
	runtime.KeepAlive(open)
}
