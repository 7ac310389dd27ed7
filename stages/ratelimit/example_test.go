package ratelimit_test

import (
	"fmt"
	"time"

	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/stages/ratelimit"
)

// A bucket of 10 tokens per second with a burst of 2. The zero value is full.
func ExampleBucket() {
	var b ratelimit.Bucket
	for _, ms := range []int{0, 0, 0, 100, 120, 1000} {
		now := pipeline.Time(time.Duration(ms) * time.Millisecond)
		fmt.Println(ms, b.Take(now, 10, 2))
	}
	// Output:
	// 0 true
	// 0 true
	// 0 false
	// 100 true
	// 120 false
	// 1000 true
}
