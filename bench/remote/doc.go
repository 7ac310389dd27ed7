// Package remote runs receivers and senders in processes of their own: this
// executable again, with one argument, as a child that package load serves and
// calls.
package remote
