// Command release builds everything that a release of intentra consists of: archives
// with the command for several systems, packages for Debian and Fedora, an OCI image,
// bills of materials and checksums. It needs the go command, and the network once, for
// modules. It needs no container engine, no dpkg and no rpm.
//
//	go run . build --version 0.1.0 --out ../dist
//	go run . proxy --tag v0.1.0 --out DIR
//
// Two builds of the same commit with the same version of Go give identical files: all
// times are those of the commit, and nothing in a file depends on the machine.
//
// proxy writes a module proxy (GOPROXY=file://DIR) that offers the commit of a tag, to
// try `go install` before the tag is pushed.
package main
