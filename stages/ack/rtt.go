package ack

import "time"

// RTT estimates the round-trip time of a path as RFC 9002 section 5 does, but
// for one thing: QUIC takes its first sample from a handshake packet, which is
// acknowledged at once, and this protocol from a packet whose acknowledgement
// waits for up to 25 ms. So the delay is taken off every sample, the first and
// the least too; a peer that lies about it spoils its own retransmissions. The
// zero value has no sample.
type RTT struct {
	// Latest is the last sample as measured. Smoothed is the moving average
	// of the samples less the peer's delay, Variation its mean deviation, and
	// Min the least of them. All are zero before the first.
	Latest, Smoothed, Variation, Min time.Duration
}

// Update takes a sample: the time from sending a packet to its acknowledgement,
// and the delay that the peer says it has waited before it acknowledged. A
// delay that is not shorter than the sample is not believed.
func (r *RTT) Update(sample, delay time.Duration) {
	sample = max(sample, time.Nanosecond)
	path := sample
	if delay < sample {
		path -= delay
	}
	if r.Latest == 0 {
		*r = RTT{sample, path, path / 2, path}
		return
	}
	r.Latest, r.Min = sample, min(r.Min, path)
	r.Variation = (3*r.Variation + (r.Smoothed - path).Abs()) / 4
	r.Smoothed = (7*r.Smoothed + path) / 8
}
