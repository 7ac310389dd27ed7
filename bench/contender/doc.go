// Package contender says what a transport has to do to be measured beside the
// others, and holds what is the same for all of them: the messages, and the
// sink where they end.
package contender
