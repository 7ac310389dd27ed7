package histogram

import (
	"encoding/json"
	"fmt"
	"time"
)

// encoded is the JSON form of a Snapshot: the buckets that are not empty.
type encoded struct {
	Max     time.Duration `json:"max"`
	Buckets [][2]uint64   `json:"buckets"` // index and count
}

// MarshalJSON encodes s for another process.
func (s *Snapshot) MarshalJSON() ([]byte, error) {
	e := encoded{Max: s.max}
	for i, n := range s.counts {
		if n > 0 {
			e.Buckets = append(e.Buckets, [2]uint64{uint64(i), n})
		}
	}
	return json.Marshal(e)
}

// UnmarshalJSON replaces s by a Snapshot that MarshalJSON has encoded. It returns
// an error for a bucket that does not exist.
func (s *Snapshot) UnmarshalJSON(text []byte) error {
	var e encoded
	if err := json.Unmarshal(text, &e); err != nil {
		return err
	}
	*s = Snapshot{max: e.Max}
	for _, b := range e.Buckets {
		if b[0] >= buckets {
			return fmt.Errorf("histogram: no bucket %d", b[0])
		}
		s.counts[b[0]] += b[1]
		s.count += b[1]
	}
	return nil
}

// Add adds the counts of a snapshot of another histogram.
func (s *Snapshot) Add(other *Snapshot) {
	for i, n := range other.counts {
		s.counts[i] += n
	}
	s.count += other.count
	s.max = max(s.max, other.max)
}
