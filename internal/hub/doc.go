// Package hub gives the channels of many publishers numbers that do not
// collide: two publishers who both use channel 7 reach a subscriber on two
// channels, so neither's Latest state supersedes the other's and neither's
// Reliable messages wait for the other's.
//
// Threat: a publisher that names ever new channels. It can fill no more than
// its own [MaxPerPublisher] mappings, and what it maps is freed when it goes.
package hub
