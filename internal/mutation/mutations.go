package main

// mutation is one deliberate breakage of a defence.
type mutation struct {
	name, what string
	run        string   // pattern of the tests that are to notice it
	packages   []string // where they are
	edits      []edit
}

// edit replaces old, which must be there once.
type edit struct{ file, old, new string }

// fullSize are those that only the tests without -short notice: a tenth of the
// load does not come near the cap.
var fullSize = map[string]bool{"row15_no_cap_of_all": true}

const threats = "./internal/threat"

// mutations are in the order in which a packet meets the defences.
var mutations = []mutation{
	{
		"cookie_any_port", "a cookie is good for any port of its address",
		"Threat07|Jar|Cookie", []string{"./stages/cookie", threats},
		[]edit{{"stages/cookie/jar.go", "binary.BigEndian.PutUint16(j.prefix[16:], addr.Port())", "binary.BigEndian.PutUint16(j.prefix[16:], 0)"}},
	},
	{
		"cookie_any_address", "a cookie is good for any address",
		"Threat07|Jar|Cookie", []string{"./stages/cookie", threats},
		[]edit{{"stages/cookie/jar.go", "ip := addr.Addr().As16()", "ip := [16]byte{byte(addr.Port())}"}},
	},
	{
		"cookie_any_message", "a cookie is good for any first message",
		"Threat07|Jar|Cookie", []string{"./stages/cookie", threats},
		[]edit{{"stages/cookie/jar.go", "s.mac.hash.Write(wire.InitWithoutCookie(init))", "_ = init"}},
	},
	{
		"cookie_forever", "the secret before the present one never expires",
		"Threat07|Jar|Rotation", []string{"./stages/cookie", threats},
		[]edit{{"stages/cookie/jar.go", "if j.previous.live && now-j.previous.born >= lifetime {", "if false {"}},
	},
	{
		"charge_forged", "forged and replayed packets are charged to the peer whose index they name",
		"Threat01|Stage", []string{"./stages/ratelimit", threats},
		[]edit{{"stages/ratelimit/stage.go", "if p.Fresh() && s.charge != nil {", "if s.charge != nil {"}},
	},
	{
		"peer_rate_off", "a peer may send as much as it likes",
		"Threat14|Stage", []string{"./stages/ratelimit", threats},
		[]edit{{"stages/ratelimit/stage.go", "if !b.Ready(p.Now, s.cfg.Rate, s.cfg.Burst) {", "if false {"}},
	},
	{
		"ipv6_whole_address", "each address of a /64 counts by itself",
		"Threat06|Hash|Sum", []string{"./internal/addrhash", threats},
		[]edit{{"internal/addrhash/addrhash.go", "return binary.BigEndian.Uint64(ip[:8])", "return binary.BigEndian.Uint64(ip[:8]) ^ binary.BigEndian.Uint64(ip[8:])"}},
	},
	{
		"version_unchecked", "packets of another version are taken",
		"Threat25|Header", []string{"./wire", threats},
		[]edit{{"wire/header.go", "if b[0]>>4 != Version {\n\t\treturn h, FaultVersion", "if false {\n\t\treturn h, FaultVersion"}},
	},
	{
		"reserved_unchecked", "reserved bits are ignored",
		"Threat25|Header", []string{"./wire", threats},
		[]edit{{"wire/header.go", "case b[1]|b[2]|b[3] != 0:\n\t\t\treturn h, FaultReserved", "case b[2]|b[3] != 0:\n\t\t\treturn h, FaultReserved"}},
	},
	{
		"short_data_taken", "Data too short for a tag reaches the cipher",
		"Threat25|Header|Stage", []string{"./wire", "./stages/header", threats},
		[]edit{{"wire/header.go", "\t\tcase len(b) < Overhead:\n\t\t\treturn h, FaultShort\n", ""}},
	},
	{
		"aad_without_first_byte", "version and type are left out of what is authenticated, on both sides",
		"Threat21|RoundTrip|Protocol|DataPath|Open|Stage", []string{"./stages/aead", "./internal/interop", threats},
		[]edit{
			{"stages/aead/stage.go", "k.cipher.Open(sealed[:0], s.nonce[:], sealed, header)", "k.cipher.Open(sealed[:0], s.nonce[:], sealed, header[1:])"},
			{"stages/aead/seal.go", "k.cipher.Seal(header, s.nonce[:], frames, header)", "k.cipher.Seal(header, s.nonce[:], frames, header[1:])"},
		},
	},
	{
		"forged_strike", "a forged packet is held against the peer",
		"Threat02|Threat21|Forged", []string{"./stages/aead", "./conn", threats},
		[]edit{{"stages/aead/stage.go", "k.failed++\n\t\treturn DropForged", "k.failed++\n\t\tp.MarkFresh()\n\t\tp.Strike()\n\t\treturn DropForged"}},
	},
	{
		"reused_counter_sealed", "Seal takes a counter that it has used",
		"Seal|Reuse|Counter|Ledger", []string{"./stages/aead", "./conn"},
		[]edit{{"stages/aead/seal.go", "case p.Counter < k.next || p.Counter == ^uint64(0):", "case p.Counter == ^uint64(0):"}},
	},
	{
		"window_before_open", "the replay window takes packets that have not been opened",
		"Stage", []string{"./stages/replay"},
		[]edit{{"stages/replay/stage.go", "if !p.Opened() {\n\t\treturn DropUnopened\n\t}", ""}},
	},
	{
		"replays_taken", "a packet that has been received is taken again",
		"Threat10|Window|Replay", []string{"./stages/replay", "./conn", threats},
		[]edit{{"stages/replay/stage.go", "\treturn DropReplayed\n", "\tp.MarkFresh()\n\treturn pipeline.Accept\n"}},
	},
	{
		"counter_without_end", "counters of 2^28 and above are accepted",
		"Threat34|Stage", []string{"./stages/replay", "./conn"},
		[]edit{{"stages/replay/stage.go", "\tcase p.Counter >= Limit:\n\t\treturn DropTooHigh\n", ""}},
	},
	{
		"ack_of_the_unsent", "an acknowledgement of what was never sent is taken",
		"Threat12|Tracker|Unsent", []string{"./stages/ack", threats},
		[]edit{{"stages/ack/tracker.go", "if a.Largest >= t.next {\n\t\treturn DropUnsent", "if false {\n\t\treturn DropUnsent"}},
	},
	{
		"ack_of_the_skipped", "an acknowledgement of a number that was left out is taken",
		"Threat12|Tracker|Skip", []string{"./stages/ack", threats},
		[]edit{{"stages/ack/tracker.go", "if r := t.at(a.Largest); r != nil && r.state == sentSkipped {\n\t\treturn DropSkipped", "if r := t.at(a.Largest); r != nil && r.state == sentSkipped && false {\n\t\treturn DropSkipped"}},
	},
	{
		"ack_backwards", "acknowledgements may move back",
		"Threat12|Tracker|Backwards", []string{"./stages/ack", threats},
		[]edit{{"stages/ack/tracker.go", "if t.acked != 0 && a.Largest < t.acked-1 {", "if false {"}},
	},
	{
		"ten_strikes_forgiven", "violations never close a session",
		"Threat13|Strikes", []string{"./conn", threats},
		[]edit{{"conn/strikes.go", "return len(s.at) == limit && now-s.at[0] <= pipeline.Time(window)", "return false"}},
	},
	{
		"strikes_never_forgiven", "violations count for ever",
		"Threat13|Strikes", []string{"./conn", threats},
		[]edit{{"conn/strikes.go", "return len(s.at) == limit && now-s.at[0] <= pipeline.Time(window)", "return len(s.at) == limit"}},
	},
	{
		"path_unproven", "a session moves to whatever address its newest packet came from",
		"Threat17|Threat18|Path|Roam", []string{"./conn", threats},
		[]edit{{"conn/path.go", "\ts.path.received += size\n", "\ts.path.received += size\n\ts.remote = p.Addr\n"}},
	},
	{
		"path_token_unchecked", "any echo proves a path",
		"Threat17|Threat18|Path", []string{"./conn", threats},
		[]edit{{"conn/path.go", "s.path == nil || subtle.ConstantTimeCompare(token[:], s.path.token[:]) != 1 ||", "s.path == nil || subtle.ConstantTimeCompare(token[:], s.path.token[:]) > 1 ||"}},
	},
	{
		"idle_for_ever", "a session whose peer is gone never ends",
		"Threat31|Idle", []string{"./conn", threats},
		[]edit{{"conn/tick.go", "if now >= later(s.received, e.cfg.IdleTimeout) {", "if false {"}},
	},
	{
		"keys_without_end", "a key is used beyond 2^28 packets",
		"Threat34|Keys", []string{"./conn"},
		[]edit{{"conn/epoch.go", "return ep.tracker.Next() >= HardPackets ||", "return false ||"}},
	},
	{
		"mapped_addresses_differ", "an IPv4-mapped address is another one than its IPv4 address",
		"Threat29|Mapped", []string{"./conn", threats},
		[]edit{{"conn/inbound.go", "addr = netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port())", ""}},
	},
	{
		"handler_panic_kills", "a panic in a stage or handler is not recovered",
		"Threat24|Panic", []string{"./pipeline", threats},
		[]edit{{"pipeline/chain.go", "if r := recover(); r != nil {\n\t\t\tc.resume(p, r)", "if false {\n\t\t\tc.resume(p, nil)"}},
	},
	{
		"authorize_panic_kills", "a panic in Authorize is not recovered",
		"Threat24|Panics|Job", []string{"./conn", threats},
		[]edit{{"conn/job.go", "if r := recover(); r != nil {\n\t\t\tj.err = panicError{r}", "if false {\n\t\t\tj.err = panicError{nil}"}},
	},
	{
		"fragments_taken", "a datagram that the kernel has cut short is taken for a whole one",
		"Threat26|Trunc", []string{"./udp"},
		[]edit{{"udp/recv_linux.go", "case h.Flags&unix.MSG_TRUNC != 0:", "case false:"}},
	},
	{
		"odd_segment_lost", "the last, shorter segment of a run is forgotten",
		"Threat26|GRO|Offload", []string{"./udp"},
		[]edit{{"udp/recv_linux.go", "r.left = (size + r.segment - 1) / r.segment", "r.left = size / r.segment"}},
	},
	{
		"send_errors_uncounted", "datagrams that the kernel refuses vanish",
		"Threat28|Fault", []string{"./udp"},
		[]edit{{"udp/send_linux.go", "\t\t\ts.counters.writeLoss.add(lossOf(errno), 1)\n\t\t\ts.skip(1)", "\t\t\ts.skip(1)"}},
	},
	{
		"gso_never_given_up", "GSO is tried again for ever after EIO",
		"Threat28|Fault|GSO", []string{"./udp"},
		[]edit{{"udp/run_linux.go", "s.gso.Store(false)\n\tcase syscall.EINVAL:", "\tcase syscall.EINVAL:"}},
	},
	{
		"forgotten_mail_unbounded", "unread mail of forgotten peers waits, however many there are",
		"Forgotten", []string{"."},
		[]edit{{"mailroom.go", "if len(m.forgotten) == maxForgotten {", "if false {"}},
	},
	{
		"forgotten_mail_uncounted", "mail that is given up with a forgotten peer is not counted",
		"Forgotten", []string{"."},
		[]edit{{"mailroom.go", "\t\tm.overwritten += n\n", ""}},
	},
	{
		"read_peers_keep_their_turn", "a peer whose mail has been read stays in the mailroom",
		"Forgotten|TakeTurns", []string{"."},
		[]edit{{"mailroom.go", "\tm.turns.remove(p)\n\tb := p.mail\n", "\tb := p.mail\n"}},
	},
	{
		"forgotten_buffers_kept", "a peer that is not coming back keeps its empty rings",
		"Forgotten", []string{"."},
		[]edit{{"mailroom.go", "\tb.state, b.reliable = ring{}, ring{}\n", ""}},
	},
	{
		"grown_ring_kept", "a ring that held-back messages made grow stays so for good",
		"Mailroom", []string{"."},
		[]edit{{"mailroom.go", "\tr.trim(m.limit)\n", ""}},
	},
	{
		"overwritten_uncounted", "messages that a slow reader loses are not counted",
		"Threat23|Ring|Mailroom", []string{".", threats},
		[]edit{{"mailroom.go", "b.overwritten++\n\t\tm.overwritten++\n", "b.overwritten++\n"}},
	},
	{
		"gso_given_up_for_a_short_one", "a datagram shorter than the segments of an invalid run proves that GSO is to blame",
		"Run|Invalid", []string{"./udp"},
		[]edit{{"udp/run_linux.go", " && r.segment == s.suspect", ""}},
	},
	{
		"gso_given_up_for_a_route", "an invalid run whose datagrams are too long for the route stays suspect",
		"Run|Invalid", []string{"./udp"},
		[]edit{{"udp/run_linux.go", "if errno == syscall.EMSGSIZE && r.first", "if false && r.first"}},
	},
	{
		"gso_given_up_for_another_run", "what a run behind an invalid one comes to is held against GSO",
		"Run|Invalid", []string{"./udp"},
		[]edit{{"udp/run_linux.go", "\ts.suspect = 0\n\tswitch", "\tswitch"}},
	},
	{
		"push_of_any_intent_is_replayed", "an edited recording may queue a message of any intent",
		"Impossible", []string{"./internal/replay"},
		[]edit{{"internal/replay/check.go", "e.Intent < pipeline.Realtime || e.Intent > pipeline.Reliable", "false"}},
	},
	{
		"plain_counter_beyond_the_limit", "a plain replay takes any counter of ours for sent",
		"TestPlainCounter", []string{"./internal/replay"},
		[]edit{{"internal/replay/plain_sent.go", "if h.Counter >= conn.HardPackets", "if false && h.Counter >= conn.HardPackets"}},
	},
	{
		"plain_epochs_stay_open", "a plain replay closes no epoch but for its index",
		"TestPlainCaptureOfManyEpochs", []string{"./internal/replay"},
		[]edit{{"internal/replay/plain.go", "if n.Seq >= 3 && old", "if false && old"}},
	},
	{
		"plain_peers_without_bound", "a keys file may name more pairs of identities than there are numbers",
		"TestPlainKeys", []string{"./internal/replay"},
		[]edit{{"internal/replay/plain.go", "if len(p.peers) >= pipeline.MaxIDs {", "if false {"}},
	},
	{
		"unknown_closes_uncounted", "a session that ends for a reason without a name is in no row",
		"CloseReasons|ReasonToClose", []string{"."},
		[]edit{{"stats.go", "\t\tunknown += n\n", "\t\tunknown += 0 * n\n"}},
	},
	{
		"own_findings_are_told", "a peer may be told of one side's own finding",
		"CloseReasons|ReasonToClose", []string{"."},
		[]edit{{"peer.go", "if reason >= wire.CloseIdle {", "if false {"}},
	},
}
