package aead_test

import (
	"crypto/aes"
	"crypto/cipher"
	"fmt"
	"log"
	"net/netip"

	"github.com/intentra/intentra/pipeline"
	"github.com/intentra/intentra/stages/aead"
	"github.com/intentra/intentra/wire"
)

// Stage decrypts a packet in place and drops one in which a bit was changed. The
// packet is sealed by hand here; the nonce is that of PROTOCOL.md, section 4.
func ExampleStage() {
	block, err := aes.NewCipher(make([]byte, 32)) // never use a fixed key
	if err != nil {
		log.Fatal(err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		log.Fatal(err)
	}
	epoch := pipeline.MakeID(1, 1)
	const counter = 7
	header := wire.AppendHeader(nil, wire.Header{Type: wire.TypeData, Receiver: uint32(epoch), Counter: counter})
	nonce := make([]byte, 12)
	nonce[11] = counter
	sealed := gcm.Seal(header, nonce, wire.AppendPing(nil), header)

	open := aead.New()
	open.EpochOpened(pipeline.EpochNotice{Epoch: epoch})
	open.InstallKey(epoch, aead.NewKey(wire.AESGCM, gcm))
	process := func(data []byte) bool {
		var p pipeline.Packet
		p.Reset(data, netip.AddrPort{}, 0)
		p.Epoch, p.Counter = epoch, counter // as the header stage sets them
		return open.Process(&p) == pipeline.Accept
	}
	changed := append([]byte(nil), sealed...)
	changed[len(changed)-1] ^= 1
	fmt.Println(process(changed), process(sealed))
	// Output: false true
}
