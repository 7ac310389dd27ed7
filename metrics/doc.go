// Package metrics shows the counters of a transport to Prometheus.
//
//	registry.MustRegister(metrics.NewCollector(transport))
//
// Everything is read when it is collected: between scrapes the collector costs
// nothing, and it never touches the packet path.
//
// # What there is
//
// Traffic: intentra_packets_received_total, intentra_packets_sent_total,
// intentra_received_bytes_total, intentra_sent_bytes_total,
// intentra_messages_delivered_total, intentra_messages_sent_total.
//
// Losses: intentra_drops_total{direction,level,stage,reason} has a row for each
// reason that a stage names, a user's own stages included, from the start: a
// row that is zero can be alerted on. intentra_send_drops_total{reason} and
// intentra_receive_drops_total count what the queues on either side of the user
// gave up, intentra_socket_lost_datagrams_total{direction,reason} what the
// socket lost, and intentra_socket_overflows_total what the kernel dropped
// before it, because the receive queue was full. intentra_replies_lost_total
// counts handshake packets, cookies and control packets that found no room among
// the datagrams to be sent.
//
// Conservation: in each direction
//
//	intentra_chain_packets_entered_total == sum without (outcome) (intentra_chain_packets_total)
//	intentra_chain_messages_entered_total == sum without (outcome) (intentra_chain_messages_total)
//
// whenever nothing is on its way through the chain; a difference that stays is
// a bug worth reporting.
//
// Life: intentra_peers, intentra_connected_peers, intentra_sessions,
// intentra_handshakes_total{outcome}, intentra_handshakes_in_flight,
// intentra_cookies_sent_total, intentra_rekeys_total, intentra_roams_total,
// intentra_takeovers_total, intentra_strikes_total,
// intentra_closes_total{reason}, intentra_panics_total,
// intentra_slow_handler_calls_total, intentra_uptime_seconds. The closes whose
// reason has no name, which a peer may give, are those with the reason unknown.
//
// The socket: intentra_socket_calls_total{direction},
// intentra_socket_late_errors_total, and intentra_socket_buffer_bytes{direction},
// the queue that the kernel gave, which may be less than was asked for.
//
// Memory: intentra_reorder_bytes, intentra_queue_bytes.
//
// Round trip: intentra_rtt_seconds{percentile="0|50|90|99|100"} over the smoothed
// RTTs of the peers connected now. It is a gauge, because peers come and go: a
// summary's count may not fall.
//
// # Cardinality
//
// The number of series does not depend on the number of peers, so that ten
// thousand of them do not hurt the monitoring. [WithPeerLabels] adds series for
// single peers, up to a limit, labelled peer and identity: the peer's key and
// ours towards it, since a gateway may dial one peer under several.
package metrics
