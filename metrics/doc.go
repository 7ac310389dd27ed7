// Package metrics exports the counters of a transport to Prometheus.
//
//	registry.MustRegister(metrics.NewCollector(transport))
//
// Counters are read when they are collected. Between scrapes the collector costs
// nothing, and it is never on the path of a packet.
//
// # Metrics
//
// Traffic: intentra_packets_received_total, intentra_packets_sent_total,
// intentra_received_bytes_total, intentra_sent_bytes_total,
// intentra_messages_delivered_total, intentra_messages_sent_total.
//
// Losses: intentra_drops_total{direction,level,stage,reason} has a series for
// each reason that a stage declares, including a user's own stages. It exists from
// the start, so that alerts can refer to it. intentra_send_drops_total{reason} and
// intentra_receive_drops_total count messages dropped by the application's send
// and receive queues, intentra_socket_lost_datagrams_total{direction,reason}
// datagrams lost at the socket, and intentra_socket_overflows_total datagrams that
// the kernel dropped because the socket's receive queue was full.
// intentra_deliveries_total{outcome} counts what became of messages with a token,
// intentra_send_drops_total{reason="expired"} those that their TTL ended, and
// intentra_given_up_total notices of peers whose reliable messages have expired.
// intentra_refused_datagrams_total counts datagrams to the peers with the most in
// flight, dropped because the socket's send buffer was full.
// intentra_replies_lost_total counts handshake packets, cookies and control
// packets for which the queue of outgoing datagrams had no room.
// intentra_stage_faults_total{direction,stage,method} counts failures of stages,
// such as panics in notices, in which nothing was lost.
//
// Conservation: in each direction
//
//	intentra_chain_packets_entered_total == sum without (outcome) (intentra_chain_packets_total)
//	intentra_chain_messages_entered_total == sum without (outcome) (intentra_chain_messages_total)
//
// while no packet is inside the chain. A lasting difference is a bug; please
// report it.
//
// Peers and sessions: intentra_peers, intentra_connected_peers, intentra_sessions,
// intentra_handshakes_total{outcome}, intentra_handshakes_in_flight, intentra_handshakes_waiting,
// intentra_cookies_sent_total, intentra_rekeys_total, intentra_roams_total,
// intentra_takeovers_total, intentra_strikes_total,
// intentra_closes_total{reason}, intentra_panics_total,
// intentra_slow_handler_calls_total, intentra_uptime_seconds. A peer may send a
// close reason that has no name; it is counted under the reason "unknown".
//
// Socket: intentra_socket_calls_total{direction},
// intentra_socket_late_errors_total, and intentra_socket_buffer_bytes{direction},
// the buffer size that the kernel granted, which may be less than requested.
//
// Memory: intentra_reorder_bytes, intentra_fragment_bytes, intentra_queue_bytes,
// intentra_send_memory_bytes.
//
// Round trip: intentra_rtt_seconds{percentile="0|50|90|99|100"} over the smoothed
// RTTs of the connected peers. It is a gauge and not a summary, because a summary's
// count must not decrease when peers disconnect.
//
// Hub: [NewHubCollector] exports the counters of a [hub.Hub]: intentra_hub_updates_*_total,
// intentra_hub_drops_total{reason}, intentra_hub_requests_total{result}, sizes of its tables,
// and for each publisher intentra_hub_publisher_updates_total{publisher} and
// intentra_hub_publisher_drops_total{publisher,reason}, up to a limit; with [WithTopics] also
// intentra_hub_topic_updates_total{topic} and others.
//
// # Cardinality
//
// The number of series does not depend on the number of peers. [WithPeerLabels]
// adds series for single peers, up to a limit, with the labels peer and identity:
// the peer's key and our key towards it, since a gateway may dial one peer with
// several keys.
package metrics
