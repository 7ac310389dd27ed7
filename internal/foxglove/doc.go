// Package foxglove shows the topics of a hub to clients of the Foxglove WebSocket
// protocol, foxglove.websocket.v1. It is read-only: clients see names, and receive the
// updates of the topics that they subscribe to.
//
// A [Bridge] is the [hub.Fleet] of its hub: the hub says which topics it has, and
// passes on the updates of those that a client wants. So a publisher learns of the
// demand of Foxglove clients as of any other, and nothing is copied without one.
//
// Payloads are sent as JSON: those of topics with the encoding "json" as they are, the
// positions of those with a binary layout as an object with x, y and z, and others in
// base64. Each topic has a JSON schema that follows from its layout.
//
// Everything that a client can make the hub spend is bounded: clients, subscriptions,
// requests per second, and the queue of each client, whose drops are counted. A client
// that does not read for 10 s is disconnected. The hub's lock is held for one copy of a
// payload for each client that subscribes to its topic; payloads are converted and
// written by goroutines of the clients.
package foxglove
