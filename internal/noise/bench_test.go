package noise

import "testing"

// BenchmarkHandshake measures both sides of a handshake: six X25519
// multiplications for secrets and two for ephemeral public keys.
func BenchmarkHandshake(b *testing.B) {
	for _, suite := range suites {
		b.Run(suite.String(), func(b *testing.B) {
			p := newPair(b, suite, fixedRand(1))
			b.ReportAllocs()
			for b.Loop() {
				p.newMachines(b)
				p.toFinal(b)
				p.readFinal(b)
			}
		})
	}
}

// BenchmarkForged measures the cost of reading a forged message of the right
// length: a message 2 with the attacker's ephemeral key, and a message 3 from an
// attacker without the key to encrypt a static key.
func BenchmarkForged(b *testing.B) {
	for _, suite := range suites {
		p := newPair(b, suite, fixedRand(1))
		p.toResponse(b)
		// The first secret is cached: do not measure that.
		p.refuseResponse(b, flipped(p.msg2, 1, 0), len(p.payload2), ErrMessage)
		forged2 := flipped(p.msg2, 0, 0)
		b.Run("response/"+suite.String(), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _, _ = p.init.ReadResponse(forged2, len(p.payload2))
			}
		})
		p.readResponse(b)
		p.writeFinal(b)
		forged3 := flipped(p.msg3, 10, 0)
		b.Run("final/"+suite.String(), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _, _ = p.resp.ReadFinal(forged3, len(p.payload3))
			}
		})
	}
}
