package replay

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
)

// MostSeeds is how many seeds of each kind are kept.
const MostSeeds = 1000

// Seeds collects inputs for fuzzing from a replay: of each kind the first MostSeeds
// distinct ones. The zero value is ready to use. It belongs to one goroutine.
type Seeds struct{ kinds [len(seedFolders)]seedKind }

type seedKind struct {
	seen map[[sha256.Size]byte]bool
	all  [][]byte
}

// The folders of Write: received datagrams, plaintexts of data packets, and
// payloads of messages.
var seedFolders = [...]string{"datagrams", "frames", "messages"}

// Watch returns o with the functions that s needs added.
func (s *Seeds) Watch(o Options) Options {
	next := o.Packet
	o.Packet = func(p Packet) {
		s.kinds[0].add(p.Data)
		if next != nil {
			next(p)
		}
	}
	o = o.view("replay", func(v View) { s.kinds[1].add(v.Payload()) })
	return o.view("ack", func(v View) { s.kinds[2].add(v.Payload()) })
}

func (k *seedKind) add(b []byte) {
	sum := sha256.Sum256(b)
	if len(k.all) == MostSeeds || k.seen[sum] {
		return
	}
	if k.seen == nil {
		k.seen = map[[sha256.Size]byte]bool{}
	}
	k.seen[sum] = true
	k.all = append(k.all, append([]byte(nil), b...))
}

// Write writes the seeds to folders below dir, one file each, in the format of go
// test: a folder can be copied to testdata/fuzz/FuzzName of a target that takes one
// []byte, or be passed to fuzz.SeedFS. It returns the number of seeds.
func (s *Seeds) Write(dir string) (n int, err error) {
	for i, k := range s.kinds {
		folder := filepath.Join(dir, seedFolders[i])
		if err := os.MkdirAll(folder, 0o700); err != nil {
			return n, fmt.Errorf("replay: seeds: %w", err)
		}
		for _, b := range k.all {
			name := fmt.Sprintf("%x", sha256.Sum256(b))[:16]
			text := fmt.Sprintf("go test fuzz v1\n[]byte(%q)\n", b)
			if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
				return n, fmt.Errorf("replay: seeds: %w", err)
			}
			n++
		}
	}
	return n, nil
}
