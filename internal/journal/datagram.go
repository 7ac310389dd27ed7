package journal

import (
	"net/netip"

	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/wire"
)

// HandleDatagram is conn.Endpoint.HandleDatagram, recorded.
func (c *Core) HandleDatagram(d wire.Datagram, now pipeline.Time) {
	if c.w == nil || c.w.Err() != nil {
		c.Endpoint.HandleDatagram(d, now)
		c.heard.forget()
		return
	}
	addr := netip.AddrPortFrom(d.Addr.Addr().Unmap(), d.Addr.Port())
	c.packet = appendIP(c.packet[:0], unzoned(addr), family(c.at(d.Local.Unmap()), addr), d.Data) // now, as data will be decrypted in place
	c.heard.drops = c.heard.drops[:0]
	c.Endpoint.HandleDatagram(d, now)
	c.heard.outcome.Verdict, c.heard.outcome.Dropped = c.verdict()
	e := c.tell(Entry{Kind: Received, At: now, Addr: addr, Local: d.Local.Unmap()})
	c.w.packet(&outline{uint64(c.origin + int64(now)), c.packet, flagInbound, e.Outcome.String()}, e)
}

// verdict returns the verdict of the packet just handled, and the drops of its
// messages.
func (c *Core) verdict() (verdict string, messages []string) {
	return Verdict(c.Inbound().LastVerdict(), c.labels, c.heard.drops)
}

// Verdict returns Outcome.Verdict and Outcome.Dropped for a packet's verdict and
// the rows of the drops that it has caused.
func Verdict(v pipeline.Verdict, labels []pipeline.DropCount, rows []int) (verdict string, messages []string) {
	label := func(row int) string { return labels[row].Stage + "/" + labels[row].Reason }
	switch v {
	case pipeline.Accept:
		verdict = "accept"
	case pipeline.Consumed:
		verdict = "consumed"
	default:
		verdict = "drop"
		if len(rows) > 0 {
			verdict += " " + label(rows[0])
			rows = rows[1:]
		}
	}
	for _, row := range rows {
		messages = append(messages, label(row))
	}
	return verdict, messages
}

// at returns the address of this side in a packet whose local address is local.
func (c *Core) at(local netip.Addr) netip.AddrPort {
	if !local.IsValid() {
		return c.local
	}
	return netip.AddrPortFrom(local, c.local.Port())
}

func unzoned(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().WithZone(""), a.Port())
}

// Outgoing is conn.Endpoint.Outgoing, recorded.
func (c *Core) Outgoing() []wire.Datagram {
	out := c.Endpoint.Outgoing()
	if c.w == nil || len(out) == 0 || c.w.Err() != nil {
		return out
	}
	at := c.sentAt
	c.input(Entry{Kind: Outgoing, At: at})
	for _, d := range out {
		c.packet = appendIP(c.packet[:0], family(c.at(d.Local), d.Addr), unzoned(d.Addr), d.Data)
		c.w.packet(&outline{uint64(c.origin + int64(at)), c.packet, flagOutbound, ""}, Entry{Kind: Sent, At: at, Addr: d.Addr, Local: d.Local})
	}
	return out
}
