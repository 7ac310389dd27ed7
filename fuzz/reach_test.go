package fuzz_test

import (
	"encoding/binary"
	"hash/crc32"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/intentra/intentra/fuzz"
	"github.com/intentra/intentra/pipeline"
)

// newChecksummed makes a stage that accepts only messages with a CRC-32 at the end.
func newChecksummed() pipeline.Stage {
	return &stage{"bad", []string{"short", "checksum"}, func(p *pipeline.Packet) pipeline.Verdict {
		n := len(p.Payload()) - 4
		if n < 0 {
			return pipeline.DropFirst
		}
		if binary.BigEndian.Uint32(p.Payload()[n:]) != crc32.ChecksumIEEE(p.Payload()[:n]) {
			return pipeline.DropFirst + 1
		}
		return pipeline.Accept
	}}
}

// A stage that drops all packets of the seeds is an error, and the reasons are named.
func TestSeedsMustReachTheStage(t *testing.T) {
	_, err := fuzz.CheckReached(newChecksummed)
	require.ErrorContains(t, err, `stage "bad" accepted none of the `)
	require.ErrorContains(t, err, ` dropped as "checksum", `)
	require.ErrorContains(t, err, ` dropped as "short"); give it packets that it accepts`)

	valid := binary.BigEndian.AppendUint32([]byte("state"), crc32.ChecksumIEEE([]byte("state")))
	report, err := fuzz.CheckReached(newChecksummed, fuzz.Seed(valid))
	require.NoError(t, err)
	require.Regexp(t, `^fuzz: stage "bad" accepted [1-9][0-9]* of the [0-9]+ packets of the seeds \([0-9]+ dropped as "checksum"`, report)

	report, err = fuzz.CheckReached(of(nil))
	require.NoError(t, err)
	require.NotContains(t, report, "dropped")
}

// Where the seeds break another law, f.Fuzz reports that and not that nothing was accepted.
func TestBrokenLawIsReportedFirst(t *testing.T) {
	_, err := fuzz.CheckReached(of(func(*pipeline.Packet) pipeline.Verdict { return pipeline.Drop }))
	require.NoError(t, err)
}
