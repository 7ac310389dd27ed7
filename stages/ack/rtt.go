package ack

import "time"

// RTT estimates the round-trip time of a path as RFC 9002 section 5 does. The
// zero value has no sample.
type RTT struct {
	// Latest is the last sample, Smoothed the moving average, Variation its
	// mean deviation, and Min the least sample. All are zero before the first.
	Latest, Smoothed, Variation, Min time.Duration
}

// Update takes a sample: the time from sending a packet to its acknowledgement,
// and the delay that the peer says it has waited before it acknowledged.
func (r *RTT) Update(sample, delay time.Duration) {
	sample = max(sample, time.Nanosecond)
	if r.Latest == 0 {
		*r = RTT{sample, sample, sample / 2, sample}
		return
	}
	r.Latest, r.Min = sample, min(r.Min, sample)
	// "An endpoint MUST NOT subtract the acknowledgment delay from the RTT
	// sample if the resulting value is smaller than the min_rtt." (5.3)
	if sample-delay >= r.Min {
		sample -= delay
	}
	r.Variation = (3*r.Variation + (r.Smoothed - sample).Abs()) / 4
	r.Smoothed = (7*r.Smoothed + sample) / 8
}
