package main

// breaches are breakages of what the rows of docs/THREATMODEL.md say about
// sessions and malicious peers, each noticed by the test of its row.
var breaches = []mutation{
	{
		"row10_a_replay_is_accepted", "a replay is accepted",
		"Threat10$", []string{threats},
		[]edit{
			{"stages/replay/window.go", "\tif *word&bit != 0 {\n", "\tif *word&bit != 0 && false {\n"},
		},
	},
	{
		"row10_too_old_is_not_looked_at", "too old is not looked at",
		"Threat10$", []string{threats},
		[]edit{
			{"stages/replay/window.go", "\tcase w.highest-counter > uint64(w.full-1)*wordBits:\n", "\tcase false && w.highest-counter > uint64(w.full-1)*wordBits:\n"},
		},
	},
	{
		"row10_sliding_clears_one_word_too_few", "sliding clears one word too few",
		"Threat10$", []string{threats},
		[]edit{
			{"stages/replay/window.go", "\tfor i := from + 1; i <= to; i++ {\n", "\tfor i := from + 1; i < to; i++ {\n"},
		},
	},
	{
		"row10_the_ring_never_grows", "the ring never grows",
		"Threat10$", []string{threats},
		[]edit{
			{"stages/replay/window.go", "\tfor words < int(w.full) && highest/wordBits", "\tfor false && highest/wordBits"},
		},
	},
	{
		"row11_window_committed_before_open", "window committed before open",
		"Threat11$", []string{threats},
		[]edit{
			{"stages/default.go", "\t\ts.Open,\n\t\ts.window,\n", "\t\ts.window,\n\t\ts.Open,\n"},
			{"stages/replay/stage.go", "\tif !p.Opened() {\n\t\treturn DropUnopened\n\t}\n", ""},
			{"stages/replay/stage.go", "// Guards names what the stage guards against.\n", "// ReadsPlaintext returns false.\nfunc (s *Stage) ReadsPlaintext() bool { return false }\n\n// Guards names what the stage guards against.\n"},
		},
	},
	{
		"row12_ack_of_what_was_never_sent", "ACK of what was never sent",
		"Threat12$", []string{threats},
		[]edit{
			{"stages/ack/tracker.go", "\tif a.Largest >= t.next {\n", "\tif a.Largest >= t.next && false {\n"},
		},
	},
	{
		"row12_ack_of_a_skipped_number_as_largest", "ACK of a skipped number as largest",
		"Threat12$", []string{threats},
		[]edit{
			{"stages/ack/tracker.go", "\tif r := t.at(a.Largest); r != nil && r.state == sentSkipped {\n", "\tif r := t.at(a.Largest); r != nil && r.state == sentSkipped && false {\n"},
		},
	},
	{
		"row12_ack_of_a_skipped_number_in_the_bitmap", "ACK of a skipped number in the bitmap",
		"Threat12$", []string{threats},
		[]edit{
			{"stages/ack/tracker.go", "; r != nil && r.state == sentSkipped {\n\t\t\t\treturn DropSkipped", "; r != nil && r.state == sentSkipped && false {\n\t\t\t\treturn DropSkipped"},
		},
	},
	{
		"row12_ack_moves_back", "ACK moves back",
		"Threat12$", []string{threats},
		[]edit{
			{"stages/ack/tracker.go", "\tif t.acked != 0 && a.Largest < t.acked-1 {\n", "\tif t.acked != 0 && a.Largest < t.acked-1 && false {\n"},
		},
	},
	{
		"row12_reliable_never_sent", "Reliable never sent",
		"Threat12$", []string{threats},
		[]edit{
			{"stages/ack/stage.go", "\t\tif s.frame.Ack.Reliable > s.session.reliableSent {\n", "\t\tif s.frame.Ack.Reliable > s.session.reliableSent && false {\n"},
		},
	},
	{
		"row12_any_number_of_acks", "any number of ACKs",
		"Threat12$", []string{threats},
		[]edit{
			{"stages/ack/stage.go", "\t\tif acks++; acks > maxAcks {\n", "\t\tif acks++; acks > 100*maxAcks {\n"},
		},
	},
	{
		"row12_no_strike_for_a_false_ack", "no strike for a false ACK",
		"Threat12$", []string{threats},
		[]edit{
			{"stages/ack/stage.go", "\t\tp.Strike()\n\t\treturn v\n", "\t\treturn v\n"},
		},
	},
	{
		"row12_the_second_ack_of_a_packet_is_not_looked_at_again", "the second ACK of a packet is not looked at again",
		"Threat12$", []string{threats},
		[]edit{
			{"stages/ack/stage.go", "\tif e == nil || e.tracker.Check(a, s.carrier(p)) != pipeline.Accept {\n", "\tif e == nil {\n"},
		},
	},
	{
		"row13_strikes_are_never_forgiven", "strikes are never forgiven",
		"Threat13$", []string{threats},
		[]edit{
			{"conn/strikes.go", "now-s.at[0] <= pipeline.Time(window)", "now-s.at[0] >= 0"},
		},
	},
	{
		"row13_forgiven_one_instant_too_early", "forgiven one instant too early",
		"Threat13$", []string{threats},
		[]edit{
			{"conn/strikes.go", "now-s.at[0] <= pipeline.Time(window)", "now-s.at[0] < pipeline.Time(window)"},
		},
	},
	{
		"row13_one_more_is_allowed", "one more is allowed",
		"Threat13$", []string{threats},
		[]edit{
			{"conn/inbound.go", "s.peer.strikes.add(now, e.cfg.Strikes, e.cfg.StrikeWindow)", "s.peer.strikes.add(now, e.cfg.Strikes+1, e.cfg.StrikeWindow)"},
		},
	},
	{
		"row13_the_peer_is_not_told", "the peer is not told",
		"Threat13$", []string{threats},
		[]edit{
			{"conn/inbound.go", "e.markClosing(s, wire.CloseViolation, true)", "e.markClosing(s, wire.CloseViolation, false)"},
		},
	},
	{
		"row14_nobody_is_charged", "nobody is charged",
		"Threat14$", []string{threats},
		[]edit{
			{"stages/ratelimit/stage.go", "\tif p.Fresh() && s.charge != nil {\n", "\tif p.Fresh() && s.charge != nil && false {\n"},
		},
	},
	{
		"row14_one_token_too_many", "one token too many",
		"Threat14$", []string{threats},
		[]edit{
			{"stages/ratelimit/bucket.go", "full-b.missing >= token", "full-b.missing+token >= token"},
		},
	},
	{
		"row15_no_cap_of_a_session", "no cap of a session",
		"Threat15$", []string{threats},
		[]edit{
			{"stages/ack/stage.go", "bytes+n > s.cfg.HeldBytes ||", "bytes+n > 64*s.cfg.HeldBytes ||"},
		},
	},
	{
		"row15_no_cap_of_all", "no cap of all",
		"Threat15$", []string{threats},
		[]edit{
			{"stages/ack/stage.go", "s.held+n > s.cfg.HeldBytesTotal", "s.held+n > 64*s.cfg.HeldBytesTotal"},
		},
	},
	{
		"row15_what_a_closed_session_held_is_not_given_back", "what a closed session held is not given back",
		"Threat15$", []string{threats},
		[]edit{
			{"stages/ack/session.go", "\ts.held -= bytes\n\treturn", "\ts.held -= bytes * 0\n\treturn"},
		},
	},
	{
		"row15_reliable_queue_without_a_cap_in_bytes_or_messages", "Reliable queue without a cap in bytes or messages",
		"Threat15$", []string{threats},
		[]edit{
			{"internal/sendq/queue.go", "\t\treturn q.reliable.len() >= q.limits.ReliableMessages || q.reliable.bytes+n > q.limits.ReliableBytes\n", "\t\treturn q.reliable.len() >= 64*q.limits.ReliableMessages || q.reliable.bytes+n > 64*q.limits.ReliableBytes\n"},
		},
	},
	{
		"row15_reliable_window_without_a_cap", "Reliable window without a cap",
		"Threat15$", []string{threats},
		[]edit{
			{"conn/lane.go", "l.inFlight() >= wire.ReliableWindow }", "l.inFlight() >= 64*wire.ReliableWindow }"},
		},
	},
	{
		"row16_the_old_session_stays_beside_the_new_one", "the old session stays beside the new one",
		"Threat16$", []string{threats},
		[]edit{
			{"conn/session.go", "\t\te.markClosing(old, reason, true)\n", "\t\t_ = reason\n"},
		},
	},
	{
		"row16_previous_epochs_are_not_closed_by_the_next", "previous epochs are not closed by the next",
		"Threat16$", []string{threats},
		[]edit{
			{"conn/epoch.go", "\tif s.previous != nil {\n\t\te.closeEpoch(s, s.previous)\n\t}\n", ""},
		},
	},
	{
		"row16_both_keep_their_own_dial", "both keep their own dial",
		"Threat16$", []string{threats},
		[]edit{
			{"conn/session.go", "\treturn old.dialer == old.peer.weAreLower() && old.spoken\n", "\treturn old.dialer && old.spoken\n"},
		},
	},
	{
		"row17_moves_without_a_proof", "moves without a proof",
		"Threat17$", []string{threats},
		[]edit{
			{"conn/path.go", "\ts.path.received += size\n", "\ts.path.received += size\n\ts.remote = p.Addr\n"},
		},
	},
	{
		"row17_never_moves_back", "never moves back",
		"Threat17$", []string{threats},
		[]edit{
			{"conn/path.go", "\ts.remote, s.path = s.path.addr, nil\n\te.stats.Roams++\n", "\tif e.stats.Roams == 0 {\n\t\ts.remote = s.path.addr\n\t}\n\ts.path = nil\n\te.stats.Roams++\n"},
		},
	},
	{
		"row17_a_candidate_outlives_a_packet_from_home", "a candidate outlives a packet from home",
		"Threat17$", []string{threats},
		[]edit{
			{"conn/path.go", "\t\t// the peer's move.\n\t\ts.path = nil\n", ""},
		},
	},
	{
		"row18_as_many_answers_as_questions", "as many answers as questions",
		"Threat18$", []string{threats},
		[]edit{
			{"conn/control.go", "\te.replied = true\n", "\te.replied = false\n"},
		},
	},
	{
		"row18_acknowledgements_travel_to_an_unproven_address", "acknowledgements travel to an unproven address",
		"Threat18$", []string{threats},
		[]edit{
			{"conn/control.go", "\tif addr != s.remote {\n", "\tif addr != s.remote && false {\n"},
		},
	},
	{
		"row18_one_token_for_all_candidates", "one token for all candidates",
		"Threat18$", []string{threats},
		[]edit{
			{"conn/path.go", "\t\ts.path = &path{addr: p.Addr}\n\t\tif !e.random(s.path.token[:]) {\n", "\t\told := s.path\n\t\ts.path = &path{addr: p.Addr}\n\t\tif old != nil {\n\t\t\ts.path.token = old.token\n\t\t} else if !e.random(s.path.token[:]) {\n"},
		},
	},
	{
		"row19_the_generation_of_an_index_does_not_matter", "the generation of an index does not matter",
		"Threat19$", []string{threats},
		[]edit{
			{"pipeline/slots.go", "sl.id == id && id != 0", "sl.id != 0 && id != 0"},
		},
	},
	{
		"row19_unknown_indexes_are_answered", "unknown indexes are answered",
		"Threat19$", []string{threats},
		[]edit{
			{"stages/header/stage.go", "\t\treturn DropUnknownIndex\n", "\t\tp.Reply = append(p.Reply[:0], 0)\n\t\treturn DropUnknownIndex\n"},
		},
	},
	{
		"row19_a_forged_packet_counts_as_heard", "a forged packet counts as heard",
		"Threat19$", []string{threats},
		[]edit{
			{"conn/inbound.go", "\tif p.Fresh() {\n\t\te.afterPacket(", "\tif ep := e.epochOf(p); ep != nil {\n\t\tep.session.received = now\n\t}\n\tif p.Fresh() {\n\t\te.afterPacket("},
		},
	},
	{
		"row20_a_failed_open_is_accepted", "a failed open is accepted",
		"Threat20$", []string{threats},
		[]edit{
			{"stages/aead/stage.go", "\t\tk.failed++\n\t\treturn DropForged\n", "\t\tk.failed++\n\t\tplain = sealed[:len(sealed)-wire.TagSize]\n"},
		},
	},
	{
		"row20_the_mac_of_a_cookie_is_not_checked", "the MAC of a cookie is not checked",
		"Threat20$", []string{threats},
		[]edit{
			{"stages/cookie/challenge.go", "\tif subtle.ConstantTimeCompare(AppendChallenge(nil, init, cookie), challenge) != 1 {\n", "\tif subtle.ConstantTimeCompare(AppendChallenge(nil, init, cookie), challenge) > 1 {\n"},
		},
	},
	{
		"row20_a_packet_for_an_unknown_handshake_closes_the_session_of_its_index", "a packet for an unknown handshake closes the session of its index",
		"Threat20$", []string{threats},
		[]edit{
			{"conn/respond.go", "\tif s.final == nil || p.Addr != s.remote ||", "\te.markClosing(s, wire.CloseNormal, false)\n\tif s.final == nil || p.Addr != s.remote ||"},
		},
	},
	{
		"row21_a_false_final_ends_the_handshake", "a false Final ends the handshake",
		"Threat21$", []string{threats},
		[]edit{
			{"conn/respond.go", "\t\te.count(HandshakeFailed)\n\t\te.nextFinal(half)\n", "\t\te.dropHalf(half, HandshakeFailed)\n"},
		},
	},
	{
		"row21_header_left_out_of_aad_and_reserved_bits_not_looked_at", "header left out of AAD, and reserved bits not looked at",
		"Threat21$", []string{threats},
		[]edit{
			{"stages/aead/stage.go", "k.cipher.Open(sealed[:0], s.nonce[:], sealed, header)", "k.cipher.Open(sealed[:0], s.nonce[:], sealed, header[:1])"},
			{"stages/aead/seal.go", "k.cipher.Seal(header, s.nonce[:], frames, header)", "k.cipher.Seal(header, s.nonce[:], frames, header[:1])"},
			{"wire/header.go", "\t\tcase b[1]|b[2]|b[3] != 0:\n", "\t\tcase b[1]&0 != 0:\n"},
		},
	},
	{
		"row22_a_reset_moves_the_timer", "a reset moves the timer",
		"Threat22$", []string{threats},
		[]edit{
			{"conn/timers.go", "\tif at < t.at {\n\t\tt.at = at\n\t\th.up(t.index - 1)\n\t}\n", "\th.stop(t)\n\th.arm(t, at)\n"},
			{"conn/inbound.go", "\ts.received = p.Now\n", "\ts.received = p.Now\n\te.armSession(s, p.Now)\n"},
		},
	},
	{
		"dial_of_a_connected_peer_leaves_its_timer", "who dials a connected peer keeps alive from the next packet on only",
		"DialKeepsAPeersSessionAlive", []string{"./conn"},
		[]edit{
			{"conn/dial.go", "\t} else {\n\t\te.touch(p.session)", "\t} else if now < 0 {\n\t\te.touch(p.session)"},
		},
	},
	{
		"acks_draw_any_number_of_resends", "a message is sent again as often as acknowledgements leave it out",
		"ResendsAtThePeersWord", []string{"./conn"},
		[]edit{
			{"conn/lane.go", "case m.tries < fastResends && (t == nil || t.Lost(m.counter)):", "case t == nil || t.Lost(m.counter):"},
		},
	},
	{
		"one_session_sends_all_it_has_first", "a session that fills a batch goes on before the others",
		"SessionsTakeTurns", []string{"./conn"},
		[]edit{
			{"conn/fill.go", "append(e.touched[:0], e.touched[i+1:]...)\n\t\t\te.touched = append(e.touched, s)\n", "append(e.touched[:0], e.touched[i:]...)\n"},
		},
	},
	{
		"rekey_a_failed_one_has_no_pause", "the next rekey may follow one that has failed at once",
		"FailingRekeys|ForgedMessagesOfARekey", []string{"./conn"},
		[]edit{
			{"conn/rekey.go", "\ts.peer.answerAt = later(now, rekeyTimeout*4/5)\n", ""},
		},
	},
	{
		"rekey_a_new_session_has_no_pause", "the pause after a rekey that has failed ends with the session",
		"FailingRekeys", []string{"./conn"},
		[]edit{
			{"conn/session.go", "\te.abandonRekey(s)\n\tfor _, ep := range s.epochs() {\n", "\te.abandonRekey(s)\n\ts.peer.answerAt = 0\n\tfor _, ep := range s.epochs() {\n"},
		},
	},
	{
		"rekey_any_number_of_messages_is_tried", "as many false messages of a rekey are tried as come",
		"ForgedMessagesOfARekey", []string{"./conn"},
		[]edit{
			{"conn/rekey.go", "if r.failures++; r.failures >= rekeyTries {", "if r.failures++; r.failures < 0 {"},
		},
	},
	{
		"expected_is_charged_to_the_address", "what a handshake waits for shares the rate of its address with garbage",
		"GarbageInAnothersName|OnlyWhatAHandshakeWaitsFor", []string{"./conn"},
		[]edit{
			{"conn/endpoint.go", "\tcfg.RateLimit.Expected = e.expected\n", ""},
		},
	},
	{
		"expected_from_any_port", "a Final for a handshake is expected from any port of its address",
		"OnlyWhatAHandshakeWaitsFor", []string{"./conn"},
		[]edit{
			{"conn/handshake.go", "p.Addr == half.key.addr && h.Suite", "p.Addr.Addr() == half.key.addr.Addr() && h.Suite"},
		},
	},
	{
		"expected_though_malformed", "a handshake packet of a wrong length is expected, too",
		"ExpectedPackets", []string{"./stages/ratelimit"},
		[]edit{
			{"stages/ratelimit/stage.go", "\t\tcase fault != wire.FaultNone:\n", "\t\tcase fault != wire.FaultNone && fault != wire.FaultLength:\n"},
		},
	},
	{
		"revoke_ends_what_we_dial", "a peer that we dial is revoked if it has opened the session",
		"Revoke", []string{"./conn"},
		[]edit{
			{"conn/peer.go", "!p.session.dialer && p.dial == nil {", "!p.session.dialer {"},
		},
	},
	{
		"replies_lost_uncounted", "a cookie that finds no room counts as sent",
		"LostReplies", []string{"./conn"},
		[]edit{
			{"conn/arena.go", "\t\te.stats.RepliesLost++\n\t\treturn false\n", "\t\treturn true\n"},
		},
	},
}
