package trial

import "fmt"

// String returns the point in a line.
func (p Point) String() string {
	offered := "flat out"
	if p.Offered > 0 {
		offered = fmt.Sprintf("%.0f/s offered", p.Offered)
	}
	return fmt.Sprintf("%s: %.0f/s sent, %.0f/s delivered, %.3f %%; receiver %.0f ns, senders %.0f ns a message; latency p50 %.0f us, p99 %.0f us",
		offered, p.SentRate, p.DeliveredRate, 100*p.Delivery, p.ReceiverNs, p.SenderNs, p.P50us, p.P99us)
}
