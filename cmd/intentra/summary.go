package main

import (
	"encoding/json"
	"math"
	"time"
)

// summarize prints v as the JSON line that ends a command's stderr.
func (e *environment) summarize(v any) error {
	return json.NewEncoder(e.stderr).Encode(v)
}

// seconds and microseconds convert d for the summaries; seconds rounds to
// microseconds.
func seconds(d time.Duration) float64 { return math.Round(d.Seconds()*1e6) / 1e6 }

func microseconds(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e3 }
