package replay

import (
	"crypto/rand"
	"fmt"
	"slices"

	"github.com/intentra/intentra/conn"
	"github.com/intentra/intentra/internal/journal"
	"github.com/intentra/intentra/internal/noise"
	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/stages"
	"github.com/intentra/intentra/stages/aead"
	"github.com/intentra/intentra/wire"
)

// plain passes the data packets of a plain capture through the inbound chain, with
// the epochs of the keys file. There is no core: handshakes, which need more than
// keys, are counted as unjudged.
type plain struct {
	o       Options
	set     *stages.Set
	in      *pipeline.Inbound
	labels  []pipeline.DropCount
	epochs  []journal.Epoch                        // not yet open, by time
	open    map[uint32]pipeline.EpochNotice        // by the number in the receiver index
	living  map[pipeline.ID][]pipeline.EpochNotice // those in open, by session
	peers   map[ends]pipeline.ID
	current map[ends]pipeline.ID // session
	made    uint32               // sessions opened

	sendings map[uint32][]sending   // by receiver index, which several peers may have chosen
	reliable map[pipeline.ID]uint64 // Reliable messages sent, by session

	*viewing
	drops     []int
	delivered int
	pk        pipeline.Packet
	res       Result
}

// ends are the public keys of a session: one of our identities and the peer's.
type ends struct{ own, peer [noise.KeySize]byte }

func newPlain(o Options, views *viewing) (*plain, error) {
	p := &plain{
		o: o, viewing: views, res: Result{Differences: map[string]int{}}, epochs: slices.Clone(o.Keys.Epochs), open: map[uint32]pipeline.EpochNotice{},
		living: map[pipeline.ID][]pipeline.EpochNotice{},
		peers:  map[ends]pipeline.ID{}, current: map[ends]pipeline.ID{},
		sendings: map[uint32][]sending{}, reliable: map[pipeline.ID]uint64{},
	}
	cfg := stages.Config{}
	cfg.Cookie.Rand = rand.Reader        // required, never read: no Init enters the chain
	cfg.Ack.MaxMessage = wire.MaxMessage // the capture does not say what the receiver accepts
	cfg.Dispatch.Deliver = func(*pipeline.Packet) bool {
		p.delivered++
		return true
	}
	var err error
	if p.set, err = stages.Default(cfg); err != nil {
		return nil, err
	}
	if o.Stages != nil {
		if err := o.Stages(p.set); err != nil {
			return nil, err
		}
	}
	if err := views.add(p.set); err != nil {
		return nil, err
	}
	if p.in, err = p.set.Build(o.BuildOptions...); err != nil {
		return nil, err
	}
	p.labels = p.in.DropLabels()
	p.in.OnDrop(func(_ *pipeline.Packet, row int) { p.drops = append(p.drops, row) })
	return p, nil
}

func (p *plain) result() Result {
	p.in.Publish()
	p.res.Inbound = p.in.Counts()
	return p.res
}

func (p *plain) item(it journal.Item) error {
	if it.Packet == nil || it.Packet.Data == nil {
		p.res.Other++
		if it.Packet != nil && p.cut(it.Packet) {
			p.res.Cut++
		}
		return nil
	}
	packet := it.Packet
	p.packet = packet.Number
	now := pipeline.Time(packet.Time.UnixNano() - p.o.Keys.Origin)
	if err := p.openEpochs(now); err != nil {
		return err
	}
	local := p.o.Keys.Local.Port()
	fromUs, toUs := packet.From.Port() == local, packet.To.Port() == local
	if !fromUs && !toUs {
		p.res.Other++
		return nil
	}
	for _, data := range segments(packet.Data) {
		one := *packet
		one.Data = data
		p.datagram(&one, now, fromUs, toUs)
	}
	return nil
}

// cut reports whether a packet without a payload may be one of ours that the
// capture has truncated to a snapshot length. It would otherwise be skipped
// silently.
func (p *plain) cut(packet *journal.Packet) bool {
	local := p.o.Keys.Local.Port()
	return !packet.Whole && (!packet.From.IsValid() || packet.From.Port() == local || packet.To.Port() == local)
}

func (p *plain) datagram(packet *journal.Packet, now pipeline.Time, fromUs, toUs bool) {
	// If both sides have the same port, packets that our keys have sealed are ours.
	if fromUs && (p.sent(packet, now) || !toUs) {
		p.res.Sent++
		return
	}
	p.res.Received++
	out := Packet{Number: packet.Number, Time: packet.Time, From: packet.From, To: packet.To, Data: packet.Data}
	if h, fault := wire.ParseHeader(packet.Data); fault == wire.FaultNone && h.Type != wire.TypeData {
		out.Note = fmt.Sprintf("%s, not judged: a plain capture has no handshake state", h.Type)
		p.res.Unjudged++
	} else {
		out.Replayed = p.process(packet, now)
	}
	if p.o.Packet != nil {
		p.o.Packet(out)
	}
}

func (p *plain) process(packet *journal.Packet, now pipeline.Time) (o journal.Outcome) {
	p.drops, p.delivered = p.drops[:0], 0
	// The chain decrypts in place: give it a copy.
	p.pk.Reset(slices.Clone(packet.Data), packet.From, now)
	v := p.in.Process(&p.pk)
	o.Verdict, o.Dropped = journal.Verdict(v, p.labels, p.drops)
	o.Delivered = p.delivered
	p.res.Delivered += p.delivered
	if p.pk.Opened() {
		p.res.Opened++
	}
	return o
}

// openEpochs opens the epochs that were opened until now. The keys file says when
// an epoch opens, not when it closes. An epoch is closed when another one gets its
// index number, and when the third one after it opens in its session, as a session
// has at most three.
func (p *plain) openEpochs(now pipeline.Time) error {
	for len(p.epochs) > 0 && p.epochs[0].At <= now {
		if err := p.openEpoch(p.epochs[0].EpochKeys); err != nil {
			return err
		}
		p.epochs = p.epochs[1:]
	}
	return nil
}

func (p *plain) openEpoch(k conn.EpochKeys) error {
	receive, err := noise.NewAEAD(k.Suite, k.Receive)
	if err != nil {
		return fmt.Errorf("replay: %w", err)
	}
	send, err := noise.NewAEAD(k.Suite, k.Send)
	if err != nil {
		return fmt.Errorf("replay: %w", err)
	}
	between := ends{k.Own, k.Peer}
	peer, ok := p.peers[between]
	if !ok {
		if len(p.peers) >= pipeline.MaxIDs {
			return fmt.Errorf("%w: more than %d pairs of identities", journal.ErrKeys, pipeline.MaxIDs)
		}
		peer = pipeline.MakeID(uint32(len(p.peers)), 1)
		p.peers[between] = peer
		p.in.OpenPeer(pipeline.PeerNotice{Peer: peer})
	}
	if k.Seq == 0 {
		p.current[between] = pipeline.MakeID(p.made%pipeline.MaxIDs, 1)
		p.made++
		p.in.OpenSession(pipeline.SessionNotice{Peer: peer, Session: p.current[between]})
		// Which capabilities the handshake has agreed on is not in the capture.
		p.set.Ack.SetCapabilities(p.current[between], wire.Supported)
	}
	n := pipeline.EpochNotice{Peer: peer, Session: p.current[between], Epoch: pipeline.ID(k.Local), Seq: k.Seq}
	// Slots are indexed by the number alone; the rest of the index distinguishes
	// epochs that had the same number.
	number := n.Epoch.Number()
	if old, taken := p.open[number]; taken {
		p.closeEpoch(old)
	}
	for _, old := range slices.Clone(p.living[n.Session]) {
		if n.Seq >= 3 && old.Seq <= n.Seq-3 {
			p.closeEpoch(old)
		}
	}
	p.open[number] = n
	p.living[n.Session] = append(p.living[n.Session], n)
	p.in.OpenEpoch(n)
	p.set.Open.InstallKey(n.Epoch, aead.NewKey(k.Suite, receive))
	p.sendings[k.Remote] = append(p.sendings[k.Remote], sending{suite: k.Suite, cipher: send, session: n.Session, epoch: n.Epoch})
	return nil
}

func (p *plain) closeEpoch(n pipeline.EpochNotice) {
	p.in.CloseEpoch(n)
	delete(p.open, n.Epoch.Number())
	left := slices.DeleteFunc(p.living[n.Session], func(o pipeline.EpochNotice) bool { return o.Epoch == n.Epoch })
	if p.living[n.Session] = left; len(left) == 0 {
		delete(p.living, n.Session)
	}
}
