package main

// doors are breakages of what rows 1 to 9, 32 and 33 of docs/THREATMODEL.md say about
// handshakes and floods, each noticed by the test of its row, or by one of conn.
var doors = []mutation{
	{
		"row01_the_peer_is_charged_for_forgeries", "the peer is charged for forgeries",
		"Threat01$", []string{threats},
		[]edit{
			{"stages/ratelimit/stage.go", "\tif p.Fresh() && s.charge != nil {\n", "\tif s.charge != nil {\n"},
		},
	},
	{
		"row03_any_cookie", "any cookie",
		"Threat(03|04|07)$", []string{threats},
		[]edit{
			{"stages/cookie/stage.go", "&& s.jar.Verify(p.Now, p.Addr, p.Data) {", "{"},
		},
	},
	{
		"row03_cookie_unlimited", "cookie unlimited",
		"Threat(03|06)$", []string{threats},
		[]edit{
			{"stages/cookie/stage.go", "switch s.budget.Take(p.Now, p.Addr.Addr()) {", "switch fair.Granted {"},
		},
	},
	{
		"row03_slot_before_cookie", "slot before cookie",
		"Threat03$", []string{threats},
		[]edit{
			{"stages/cookie/stage.go", "\treturn s.challenge(p)\n}", "\treturn pipeline.Accept\n}"},
		},
	},
	{
		"row04_reply_thrice", "reply thrice",
		"Threat04$", []string{threats},
		[]edit{
			{"conn/inbound.go", "&& e.sendPlain(addr, p.Reply) {\n", "&& e.sendPlain(addr, p.Reply) && e.sendPlain(addr, p.Reply) && e.sendPlain(addr, p.Reply) {\n"},
		},
	},
	{
		"row04_answers_response", "answers response",
		"Threat04$", []string{threats},
		[]edit{
			{"conn/handshake.go", "\t\treturn pipeline.Consumed\n\t}\n\te.count(o)", "\t\treturn pipeline.Consumed\n\t}\n\te.sendPlain(p.Addr, p.Data)\n\te.count(o)"},
		},
	},
	{
		"row05_no_eviction", "no eviction",
		"Threat05$", []string{threats},
		[]edit{
			{"conn/admission.go", "victim := e.halves.victim(held)", "victim := (*halfOpen)(nil)"},
		},
	},
	{
		"row05_evict_newest", "evict newest",
		"Threat05$", []string{threats},
		[]edit{
			{"conn/holder.go", "return o.halves.Front().Value", "return o.halves.Back().Value"},
		},
	},
	{
		"row05_evict_any", "evict any",
		"Threat05$", []string{threats},
		[]edit{
			{"conn/holder.go", "o := h.ranks[h.top].Front().Value.(*holder)", "o := h.ranks[h.top].Back().Value.(*holder)"},
		},
	},
	{
		"row06_no_address_cap", "no address cap",
		"Threat06$", []string{threats},
		[]edit{
			{"conn/admission.go", "if held >= e.cfg.MaxHandshakesPerAddress {", "if false {"},
		},
	},
	{
		"row06_v6_128_slots", "v6 128 slots",
		"Threat06$", []string{threats},
		[]edit{
			{"conn/handshake.go", "Prefix(64)", "Prefix(128)"},
		},
	},
	{
		"row07_secret_never_dies", "secret never dies",
		"Threat07$", []string{threats},
		[]edit{
			{"stages/cookie/jar.go", "if j.previous.live && now-j.previous.born >= lifetime {", "if false {"},
		},
	},
	{
		"row07_no_grace", "no grace",
		"Threat07$", []string{threats},
		[]edit{
			{"stages/cookie/jar.go", "Grace = 5 * time.Second", "Grace = 0 * time.Second"},
		},
	},
	{
		"row07_slow_rotation", "slow rotation",
		"Threat07$", []string{threats},
		[]edit{
			{"stages/cookie/jar.go", "RotateEvery = 120 * time.Second", "RotateEvery = 240 * time.Second"},
		},
	},
	{
		"row07_only_new_cookies_rotate", "only new cookies rotate",
		"Threat07$", []string{threats},
		[]edit{
			{"stages/cookie/jar.go", "\tj.rotate(now)\n\treturn j.verify(&j.current, addr, init)", "\treturn j.verify(&j.current, addr, init)"},
		},
	},
	{
		"row08_no_completed", "no completed",
		"Threat08$", []string{threats},
		[]edit{
			{"conn/respond.go", "\te.halves.complete(half.key.ephemeral)\n\tpeer :=", "\tpeer :="},
		},
	},
	{
		"row08_repeated_init_new_slot", "repeated init new slot",
		"Threat08$", []string{threats},
		[]edit{
			{"conn/respond.go", "if half := e.halves.byInit[key]; half != nil {", "if half := e.halves.byInit[key]; half != nil && false {"},
		},
	},
	{
		"row08_final_never_forgotten", "final never forgotten",
		"Threat08$", []string{threats},
		[]edit{
			{"conn/inbound.go", "\t\ts.spoken, s.final = true, nil\n", "\t\ts.spoken = true\n"},
		},
	},
	{
		"row09_first_come_candidates", "first come candidates",
		"Threat09$", []string{threats},
		[]edit{
			{"conn/candidates.go", "if place >= maxCandidates {", "if true {"},
		},
	},
	{
		"row09_no_rollback", "no rollback",
		"Threat09$", []string{threats},
		[]edit{
			{"internal/noise/machine.go", "\tif err != nil {\n\t\tm.state = nil\n\t\treturn nil, nil, nil, refused(err)", "\tif err != nil {\n\t\treturn nil, nil, nil, refused(err)"},
		},
	},
	{
		"row09_forged_2_ends_dial", "forged 2 ends dial",
		"Threat09$", []string{threats},
		[]edit{
			{"conn/attempt.go", "\t\ta.wrongKey = a.wrongKey || j.err == ErrWrongKey\n\t\ta.nextResponse(e)", "\t\ta.fail(e, j.err, now)"},
		},
	},
	{
		"row09_forged_3_ends_slot", "forged 3 ends slot",
		"Threat09$", []string{threats},
		[]edit{
			{"conn/respond.go", "\t\te.count(HandshakeFailed)\n\t\te.nextFinal(half)", "\t\te.dropHalf(half, HandshakeFailed)"},
		},
	},
	{
		"row09_forged_3_unlimited", "forged 3 unlimited",
		"Threat09$", []string{threats},
		[]edit{
			{"conn/respond.go", "\t\thalf.tries--\n", ""},
		},
	},
	{
		"row32_job_on_loop", "job on loop",
		"Threat32$", []string{threats},
		[]edit{
			{"conn/respond.go", "\te.submit(e.respondJob(half, append([]byte(nil), wire.NoiseMessage(p.Data)...), ephemeral))\n", "\tj := e.respondJob(half, append([]byte(nil), wire.NoiseMessage(p.Data)...), ephemeral)\n\t(*Job).Run(j)\n\te.HandleJob(j, p.Now)\n"},
		},
	},
	{
		"row32_work_outside_job", "work outside job",
		"Threat32$", []string{threats},
		[]edit{
			{"conn/respond.go", "\tpro := prologue(half.suite, half.dialerIndex)\n\tpayload", "\tpro := prologue(half.suite, half.dialerIndex)\n\t_, _ = noise.NewResponder(half.suite, e.cfg.Static, pro, ephemeral)\n\tpayload"},
		},
	},
	{
		"row32_no_admission", "no admission",
		"Threat32$", []string{threats},
		[]edit{
			{"conn/admission.go", "\tswitch e.admission.Take(p.Now, p.Addr.Addr()) {", "\tswitch fair.Granted {"},
		},
	},
	{
		"row32_unfair", "unfair",
		"Threat32$", []string{threats},
		[]edit{
			{"internal/fair/limiter.go", "if *mark == l.round {", "if false {"},
		},
	},
	{
		"row32_refusals_uncounted_rate", "refusals uncounted rate",
		"Threat32$", []string{threats},
		[]edit{
			{"conn/respond.go", "\tif o, ok := e.admit(p); !ok {\n\t\treturn o, false\n\t}", "\tif _, ok := e.admit(p); !ok {\n\t\treturn 0, true\n\t}"},
		},
	},
	{
		"row33_allow_all", "allow all",
		"Threat33$", []string{threats},
		[]edit{
			{"conn/respond.go", "\tcase !j.authorized:", "\tcase false:"},
		},
	},
	{
		"row33_refused_told", "refused told",
		"Threat33$", []string{threats},
		[]edit{
			{"conn/respond.go", "\t\te.halves.complete(half.key.ephemeral)\n\t\te.dropHalf(half, HandshakeRefused)", "\t\te.sendPlain(half.key.addr, half.response)\n\t\te.dropHalf(half, HandshakeRefused)"},
		},
	},
	{
		"row33_refused_keeps_slot", "refused keeps slot",
		"Threat33$", []string{threats},
		[]edit{
			{"conn/respond.go", "\t\te.dropHalf(half, HandshakeRefused)\n", "\t\te.count(HandshakeRefused)\n\t\thalf.machine = nil\n"},
		},
	},
	{
		"row33_authorize_early", "authorize early",
		"Threat33$", []string{threats},
		[]edit{
			{"conn/respond.go", "\t\tif err != nil {\n\t\t\tj.err = err\n\t\t\treturn\n\t\t}\n\t\tj.out, j.err = j.responder.WriteResponse(payload)", "\t\tif err != nil {\n\t\t\tj.err = err\n\t\t\treturn\n\t\t}\n\t\t_ = e.cfg.Authorize([noise.KeySize]byte(j.in[:32]))\n\t\tj.out, j.err = j.responder.WriteResponse(payload)"},
		},
	},
	{
		"row33_refused_begins_again", "refused begins again",
		"Threat33$", []string{threats},
		[]edit{
			{"conn/respond.go", "\t\te.halves.complete(half.key.ephemeral)\n\t\te.dropHalf(half, HandshakeRefused)", "\t\te.dropHalf(half, HandshakeRefused)"},
		},
	},
	// Noticed in conn.
	{
		"message1_known_whatever_its_index", "a message 1 with another index counts as the dialer's",
		"Message1OfAnother", []string{"./conn"},
		[]edit{
			{"conn/respond.go", "suite: h.Suite, sender: h.Sender, ephemeral", "suite: h.Suite, ephemeral"},
		},
	},
	{
		"message1_known_whatever_its_suite", "a message 1 in another suite counts as the dialer's",
		"Message1OfAnother", []string{"./conn"},
		[]edit{
			{"conn/respond.go", "key := initKey{addr: p.Addr, suite: h.Suite, ", "key := initKey{addr: p.Addr, "},
		},
	},
	{
		"message1_known_whatever_its_padding", "a message 1 with other padding counts as the dialer's",
		"Message1OfAnother", []string{"./conn"},
		[]edit{
			{"conn/respond.go", "!= ([wire.InitPadding]byte{}) {", "!= ([wire.InitPadding]byte{}) && false {"},
		},
	},
	{
		"final_repeated_in_any_suite", "a Final in another suite is answered again",
		"RepeatedFinalInAnotherSuite", []string{"./conn"},
		[]edit{
			{"conn/respond.go", "h.Suite != s.suite || ", ""},
		},
	},
	{
		"address_at_its_limit_is_refused", "an address that holds all it may is refused",
		"AnAddressAtItsLimit|HandshakesPerAddress", []string{"./conn"},
		[]edit{
			{"conn/admission.go", "\t\treturn e.displace(src, p.Now)\n", "\t\treturn HandshakeAddress, false\n"},
		},
	},
	{
		"handshake_gives_way_while_worked_on", "a handshake of an address gives way while the worker has it",
		"WorkedOnDoesNotGiveWay", []string{"./conn"},
		[]edit{
			{"conn/admission.go", " || half.busy || len(half.finals.waiting) > 0 {", " {"},
		},
	},
	{
		"handshake_gives_way_at_any_age", "a handshake of an address gives way whatever its age",
		"AnAddressAtItsLimit|HandshakesPerAddress", []string{"./conn"},
		[]edit{
			{"conn/admission.go", "if now-half.began <= pipeline.Time(enough) || half.busy || len(half.finals.waiting) > 0 {", "if _ = enough; false {"},
		},
	},
	{
		"handshake_gives_way_in_order", "the first in the row gives way, not one by lot",
		"HoldersAgainst", []string{"./conn"},
		[]edit{
			{"conn/holder.go", "seats[seat] }", "seats[0*seat] }"},
		},
	},
	{
		"cookies_newest_only", "the newest cookie is tried each time",
		"ForgedCookiesOnBothSides", []string{"./conn"},
		[]edit{
			{"conn/cookies.go", "if k.turn%newestEvery != 0 {", "if false && k.turn%newestEvery != 0 {"},
		},
	},
	{
		"cookies_by_lot_only", "a cookie is drawn by lot each time",
		"ForgedCookie", []string{"./conn"},
		[]edit{
			{"conn/cookies.go", "if k.turn%newestEvery != 0 {", "if true || k.turn%newestEvery != 0 {"},
		},
	},
	{
		"cookies_first_come", "the first cookies wait, and no later ones",
		"ForgedCookiesOnBothSides", []string{"./conn"},
		[]edit{
			{"conn/cookies.go", "if ok && place < firstCookies {", "if false && ok && place < firstCookies {"},
		},
	},
	{
		"cookies_never_known", "cookies that wait are forgotten at no time",
		"ForgedCookiesOnBothSides", []string{"./conn"},
		[]edit{
			{"conn/cookies.go", "\tk.offered = 0\n", ""},
		},
	},
	{
		"cookies_always_contested", "the retry timer is as fast without wrong cookies",
		"GenuineCookieIsNotContested", []string{"./conn"},
		[]edit{
			{"conn/attempt.go", "if a.cookies.contested {", "if true || a.cookies.contested {"},
		},
	},
	{
		"cookies_never_contested", "the retry timer is as slow with wrong cookies",
		"ForgedCookiesOnBothSides", []string{"./conn"},
		[]edit{
			{"conn/attempt.go", "if a.cookies.contested {", "if false && a.cookies.contested {"},
		},
	},
	{
		"close_leaves_half_open", "Close leaves half-open handshakes",
		"CloseOverwritesHandshakes", []string{"./conn"},
		[]edit{
			{"conn/endpoint.go", "\te.closeHalves()\n", ""},
		},
	},
	{
		"close_leaves_jobs", "Close leaves jobs that wait",
		"CloseOverwritesHandshakes", []string{"./conn"},
		[]edit{
			{"conn/endpoint.go", "\tfor j := e.PollJob(); j != nil; j = e.PollJob() {\n", "\tfor j := e.PollJob(); j != nil && false; j = e.PollJob() {\n"},
		},
	},
	{
		"close_leaves_ephemeral", "a job that is not run keeps its ephemeral key",
		"CloseOverwritesHandshakes", []string{"./conn"},
		[]edit{
			{"conn/job.go", "\tclear(j.ephemeral[:])\n", ""},
		},
	},
}
