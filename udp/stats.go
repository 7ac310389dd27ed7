package udp

import "sync/atomic"

// Stats is a copy of a Conn's counters, none of which ever decreases. While no call of
// ReadBatch or WriteBatch is in progress, and ReadBatch has returned all datagrams that
// it has taken:
//
//	datagrams taken from the kernel  = Received + the sum of ReadLoss
//	datagrams handed to WriteBatch   = Sent + the sum of WriteLoss
//
// An exception is a WriteBatch that Close ends: it does not count the rest of its batch.
type Stats struct {
	// Received and Sent count datagrams, ReceivedBytes and SentBytes their
	// payload without UDP and IP headers.
	Received, ReceivedBytes uint64
	Sent, SentBytes         uint64
	// ReadCalls and WriteCalls count the system calls that transferred datagrams.
	// Received/ReadCalls is the average number per call.
	ReadCalls, WriteCalls uint64
	// ReadLoss and WriteLoss count lost datagrams by reason.
	ReadLoss, WriteLoss Losses
	// Reported counts errors that the kernel reported on a later call than that
	// of the datagram concerned, and source addresses that this host does not have.
	Reported Losses
	// Overflowed counts datagrams that the kernel dropped because the receive
	// queue was full or their checksum was wrong. The equations above do not
	// include them. The kernel reports them with the next datagram that it
	// queues, so the count lags by the length of the queue. A run that the
	// kernel had coalesced (GRO) counts as one. It is always zero on other
	// systems than Linux and with Config.Portable.
	Overflowed uint64
	// Wakes counts calls of Wake that were not merged with an earlier one.
	Wakes uint64
}

// Losses has the count of each Loss.
type Losses [numLoss]uint64

// Total returns the sum.
func (l Losses) Total() (sum uint64) {
	for _, n := range l {
		sum += n
	}
	return sum
}

// counters are safe for concurrent use. They are updated once per batch, and not per
// datagram, unless datagrams are lost.
type counters struct {
	received, receivedBytes, readCalls atomic.Uint64
	sent, sentBytes, writeCalls        atomic.Uint64
	overflowed, wakes                  atomic.Uint64
	readLoss, writeLoss, reported      lossCounters
}

type lossCounters [numLoss]atomic.Uint64

func (l *lossCounters) add(reason Loss, n int) { l[reason].Add(uint64(n)) }

func (l *lossCounters) load() (out Losses) {
	for i := range l {
		out[i] = l[i].Load()
	}
	return out
}

func (c *counters) read(datagrams, bytes int) {
	c.received.Add(uint64(datagrams))
	c.receivedBytes.Add(uint64(bytes))
}

func (c *counters) wrote(calls, datagrams, bytes int) {
	c.writeCalls.Add(uint64(calls))
	c.sent.Add(uint64(datagrams))
	c.sentBytes.Add(uint64(bytes))
}

func (c *counters) stats() Stats {
	return Stats{
		Received: c.received.Load(), ReceivedBytes: c.receivedBytes.Load(),
		Sent: c.sent.Load(), SentBytes: c.sentBytes.Load(),
		ReadCalls: c.readCalls.Load(), WriteCalls: c.writeCalls.Load(),
		ReadLoss: c.readLoss.load(), WriteLoss: c.writeLoss.load(),
		Reported: c.reported.load(), Overflowed: c.overflowed.Load(), Wakes: c.wakes.Load(),
	}
}
