package main

// outbound are breakages of what we send: row 34 of docs/THREATMODEL.md, and
// that no message vanishes on its way, which the simulator's audit sees to.
var outbound = []mutation{
	{
		"row34_control_packets_beyond_the_limit", "control packets beyond the limit",
		"Threat34$", []string{"./conn"},
		[]edit{
			{"conn/control.go", "t == nil || t.Next() >= HardPackets {\n", "t == nil {\n"},
		},
	},
	{
		"one_in_97_vanishes", "one in 97 messages vanishes between the send queue and the packet",
		"Seeds$", []string{"./sim/swarm"},
		[]edit{
			{"conn/fill.go", "\twaiting   bool  ", "\tnth       uint64\n\twaiting   bool  "},
			{"conn/fill.go", "\t\treturn f.hold(channel, intent, payload)\n\t}\n", "\t\treturn f.hold(channel, intent, payload)\n\t}\n\tif f.nth++; f.nth%97 == 0 {\n\t\treturn true\n\t}\n"},
		},
	},
	{
		"one_in_97_vanishes_counted", "one in 97 messages is counted as sent, but not packed",
		"Seeds$", []string{"./sim/swarm"},
		[]edit{
			{"conn/fill.go", "\twaiting   bool  ", "\tnth       uint64\n\twaiting   bool  "},
			{"conn/fill.go", "\tf.e.out.CountMessage()\n", "\tf.e.out.CountMessage()\n\tif f.nth++; f.nth%97 == 0 {\n\t\treturn true\n\t}\n"},
		},
	},
	{
		"unacknowledged_not_restored", "Reliable messages that a session has not seen acknowledged are not left to the next one",
		"Seeds$", []string{"./sim/swarm"},
		[]edit{
			{"conn/lane.go", "\te.stats.Abandoned += uint64(s.peer.Queue.Restore(back))\n", "\t_ = back\n"},
		},
	},
}
