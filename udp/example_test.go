package udp_test

import (
	"fmt"
	"log"
	"net/netip"

	"github.com/intentra/intentra/udp"
	"github.com/intentra/intentra/wire"
)

// Two sockets on the loopback interface. One call sends several datagrams, and
// one call reads as many as have arrived.
func Example() {
	from, err := udp.Listen(netip.MustParseAddrPort("127.0.0.1:0"), udp.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer from.Close()
	to, err := udp.Listen(netip.MustParseAddrPort("127.0.0.1:0"), udp.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer to.Close()

	batch := []wire.Datagram{
		{Data: []byte("first"), Addr: to.LocalAddr()},
		{Data: []byte("second"), Addr: to.LocalAddr()},
	}
	if _, err := from.WriteBatch(batch); err != nil {
		log.Fatal(err)
	}
	read := make([]wire.Datagram, 16)
	for received := 0; received < len(batch); {
		n, err := to.ReadBatch(read) // waits for at least one
		if err != nil {
			log.Fatal(err)
		}
		for _, d := range read[:n] {
			fmt.Println(string(d.Data), d.Addr == from.LocalAddr())
		}
		received += n
	}
	// Output:
	// first true
	// second true
}
