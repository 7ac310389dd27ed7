package wire

// ParseState decodes the frame at the start of b if it is of the kind that nearly all
// frames are: Realtime or Latest, with a channel and a length below 2^14. The payload is
// b[from:end], and end is also the length of the frame in bytes. For all other frames, and
// for some that are shorter than five bytes, end is zero; [Frame.Parse] decodes them.
func ParseState(b []byte) (channel uint32, from, end int) {
	if len(b) < 5 || FrameType(b[0]) != FrameRealtime && FrameType(b[0]) != FrameLatest {
		return 0, 0, 0
	}
	channel, from = uint32(b[1]), 2
	if channel >= 1<<6 {
		channel, from = channel<<8&(1<<14-1)|uint32(b[2]), 3
		if b[1] >= 1<<7 || channel < 1<<6 {
			return 0, 0, 0 // longer, or not the shortest encoding
		}
	}
	first := b[from]
	size := int(first)
	from++
	if first >= 1<<6 {
		size = size<<8&(1<<14-1) | int(b[from])
		from++
		if first >= 1<<7 || size < 1<<6 {
			return 0, 0, 0
		}
	}
	if end = from + size; end > len(b) {
		return 0, 0, 0
	}
	return channel, from, end
}
