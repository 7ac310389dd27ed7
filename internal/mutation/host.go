package main

// host are breakages of what rows 24 to 28 of docs/THREATMODEL.md say about the
// user's code, the loop and the kernel, each noticed by the test of its row, and
// of what the loop tells those who wait in Dial.
var host = []mutation{
	{
		"row24_a_panic_in_a_notice_kills", "a panic in a notice kills",
		"Threat24$", []string{threats},
		[]edit{
			{"pipeline/chain.go", "\t\tif r := recover(); r != nil && c.OnPanic != nil {\n", "\t\tif r := any(nil); r != nil && c.OnPanic != nil {\n"},
		},
	},
	{
		"row24_goexit_ends_the_worker", "runtime.Goexit in Authorize ends the only worker",
		"Threat24$|GoexitInAuthorize", []string{".", threats},
		[]edit{
			{"worker.go", "\t\tgo t.runWorker()\n\t}()\n", "\t}()\n"},
		},
	},
	{
		"row24_goexit_is_not_counted", "runtime.Goexit in Authorize is not counted",
		"Threat24$|GoexitInAuthorize", []string{".", threats},
		[]edit{
			{"worker.go", "\t\tt.panics.Add(1)\n", ""},
		},
	},
	{
		"row24_goexit_keeps_the_job", "runtime.Goexit in Authorize keeps the handshake busy",
		"GoexitInAuthorize", []string{"."},
		[]edit{
			{"worker.go", "\t\tt.giveBack(at)\n", ""},
		},
	},
	{
		"dial_hears_the_end_of_another", "the end of a dial is told to the waiter of the next",
		"DialBehindTheEnd", []string{"."},
		[]edit{
			{"dial.go", "\t\tt.handleEvents() // the end of an earlier dial is not for this one's waiter\n", ""},
		},
	},
	{
		"dial_given_up_under_another", "who gives up a dial ends that of another who has just come",
		"DialJoined", []string{"."},
		[]edit{
			{"dial.go", "if !p.awaited() {", "if p != nil {"},
		},
	},
	{
		"dial_takes_an_old_lookup", "the late answer to an earlier lookup is taken",
		"DialAfterALateLookup", []string{"."},
		[]edit{
			{"dial.go", "if p.wish.lookups != lookup {", "if lookup == 0 {"},
		},
	},
	{
		"dial_takes_an_old_lookup_in_its_turn", "the late answer to an earlier lookup is taken before the next has begun",
		"DialAfterALateLookup", []string{"."},
		[]edit{
			{"dial.go", "\t\t\tt.handleEvents() // among them may be a later NeedAddress\n", ""},
		},
	},
	{
		"row27_a_turn_without_end", "a turn without end",
		"Threat27$", []string{threats},
		[]edit{
			{"loop.go", "\tturnSize     = 128\n", "\tturnSize     = 1 << 30\n"},
		},
	},
	{
		"row28_a_refusal_costs_a_datagram", "a refusal costs a datagram",
		"Threat28$", []string{"./udp"},
		[]edit{
			{"udp/send_linux.go", "\t\tcase errno == syscall.ECONNREFUSED && !s.refused:\n", "\t\tcase errno == syscall.ECONNREFUSED && !s.refused && false:\n"},
		},
	},
}
