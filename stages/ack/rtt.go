package ack

import "time"

// RTT estimates the round-trip time of a path as in RFC 9002, section 5, with one
// difference: QUIC takes its first sample from a handshake packet, which is
// acknowledged at once, but here the acknowledgement of the first packet may be
// delayed. So the delay is subtracted from every sample, including the first and the
// minimum. A peer that lies about its delay harms only its own retransmissions. The
// zero value has no sample.
type RTT struct {
	// Latest is the last sample as measured. Smoothed is the moving average of
	// the samples less the peer's delay, Variation their mean deviation, and Min
	// their minimum. All are zero before the first sample.
	Latest, Smoothed, Variation, Min time.Duration
}

// Update adds a sample: the time from sending a packet to receiving its
// acknowledgement, and the delay of the acknowledgement as reported by the peer. A
// delay that is not shorter than the sample is ignored.
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
