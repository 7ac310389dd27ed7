// Package wireshark holds intentra.lua, which makes Wireshark and tshark
// understand intentra, and the tests that hold it to package wire. There is no
// Go code to import.
//
// To use it once:
//
//	tshark -X lua_script:wireshark/intentra.lua -r capture.pcapng -Y intentra
//
// To install it, copy intentra.lua into the folder that Wireshark names under
// Help, About Wireshark, Folders, Personal Lua Plugins; that is
// ~/.local/lib/wireshark/plugins on Linux. As root some builds run no Lua
// scripts unless run_user_scripts_when_superuser is true in their init.lua.
//
// The comment at the top of intentra.lua says how to look at malformed packets
// and at decrypted frames. The tests need tshark, and skip where there is none.
package wireshark
