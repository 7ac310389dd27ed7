// Package hub maps the channels of many publishers to channel numbers of a hub
// without collisions: two publishers that both use channel 7 reach a subscriber
// on different channels. So the Latest state of one does not supersede that of
// the other, and Reliable messages of one do not wait for those of the other.
//
// Threat: a publisher that keeps using new channels. It cannot use more than its
// own [MaxPerPublisher] mappings, which are freed when it leaves.
package hub
