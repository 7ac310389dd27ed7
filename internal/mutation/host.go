package main

// host are breakages of what rows 24 to 28 of docs/THREATMODEL.md say about the
// user's code, the loop and the kernel, each noticed by the test of its row.
var host = []mutation{
	{
		"row24_a_panic_in_a_notice_kills", "a panic in a notice kills",
		"Threat24$", []string{threats},
		[]edit{
			{"pipeline/chain.go", "\t\tif r := recover(); r != nil && c.OnPanic != nil {\n", "\t\tif r := any(nil); r != nil && c.OnPanic != nil {\n"},
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
