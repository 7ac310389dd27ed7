// Package relay compares hubs: each member of a crowd publishes states, and the hub
// passes them to all other members. Everything runs in one process, over the loopback
// interface, and every byte that arrives is checked, as in 'intentra demo'.
package relay
