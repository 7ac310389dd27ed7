package sendq

import (
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

// Frames is a packet under construction, to which TakePlain appends messages.
type Frames struct {
	Data []byte // up to its end, the frames so far
	Room int    // how many bytes of frames may be appended; Data has the capacity for them
	// Messages and Bytes are what the packet contains, the bytes those of payloads. With
	// MostMessages or MostBytes it has enough, unless the message is its first.
	Messages, Bytes         int
	MostMessages, MostBytes int
	Longest                 int  // the largest payload of a plain message
	Latest                  bool // there is a Latest message in the packet
	Full                    bool // a message is left for which there is no room
}

// TakePlain is Take for plain messages, which are most: of State and of a payload up to
// w.Longest, without a Mark, in a queue that is not ranked. It appends them to w as
// frames, with less work than a call for each message. more means that the
// next message is to be taken with Take: it is not plain, or an empty packet has no
// room for it. A queue with a Watcher must not be read by TakePlain.
func (q *Queue) TakePlain(w *Frames) (taken int, more bool) {
	q.mu.Lock()
	f := q.state
	if q.ranked() {
		q.mu.Unlock()
		return 0, true
	}
	read := q.log.read()
	items := f.items[f.head:]
	for ; taken < len(items); taken++ {
		it := &items[taken]
		n := it.size()
		if it.after > read {
			q.withheld = true
			break
		}
		if it.extra != nil || n > w.Longest || it.Intent != pipeline.Realtime && it.Intent != pipeline.Latest {
			more = true
			break
		}
		if w.Messages > 0 && (w.Messages >= w.MostMessages || w.Bytes+n > w.MostBytes) {
			break
		}
		size := wire.MessageSize(wire.FrameType(it.Intent), it.Channel, n)
		if size > w.Room {
			w.Full, more = w.Messages > 0, w.Messages == 0
			break
		}
		w.Data = wire.AppendMessage(w.Data, wire.FrameType(it.Intent), it.Channel, f.payload(it))
		w.Room -= size
		w.Messages++
		w.Bytes += n
		if it.Intent == pipeline.Latest {
			w.Latest = true
			delete(q.latest, it.Channel)
		}
		f.release(it)
	}
	if taken > 0 {
		f.skip(taken)
		q.taken += uint64(taken)
		q.served(pipeline.Normal)
		q.publish()
		q.signal()
	}
	q.mu.Unlock()
	return taken, more
}
