package fuzz

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/intentra/intentra/pipeline"
)

// owners says, for each field of a Packet that not every stage may set, who sets
// it. Struck, Unanswered and the payload are any stage's.
var owners = map[string]string{
	"Addr":     "the driver sets it, and answers go there",
	"Now":      "the driver sets it, and it is the same for all stages",
	"Peer":     "header parse sets it, outbound the driver, and the stages behind go by it",
	"Session":  "header parse sets it, outbound the driver, and the stages behind go by it",
	"Epoch":    "header parse sets it, outbound the driver, and the stages behind go by it",
	"EpochSeq": "header parse sets it, outbound the driver, and the stages behind go by it",
	"Counter":  "header parse sets it, outbound the driver, and no number may be used twice",
	"Channel":  "the splitter sets it, outbound the driver, and the order of messages hangs on it",
	"Intent":   "the splitter sets it, outbound the driver, and the delivery of the message hangs on it",
	"Sequence": "the driver sets it, and acknowledgements go by it",
	"Distance": "the driver sets it, and the receiver orders by it",
	"Opened":   "SetPlaintext is for a pipeline.Opener alone; use SetPayload",
	"Fresh":    "MarkFresh is for the replay window alone, a pipeline.Guard in front of the messages: it vouches that the peer sent the packet, and once",
}

// settable are the fields that Sets takes. Now is not among them, as stages that
// disagree about the time are beyond repair.
var settable = []string{"Addr", "Peer", "Session", "Epoch", "EpochSeq", "Counter", "Channel", "Intent", "Sequence", "Distance"}

// fieldsOfKind returns the fields that are set by stages with the interfaces of
// s in their position.
func fieldsOfKind(s pipeline.Stage, position Position) (fields []string) {
	if _, ok := s.(pipeline.EpochObserver); ok && position == Datagrams { // else it knows no epochs
		fields = append(fields, "Peer", "Session", "Epoch", "EpochSeq", "Counter")
	}
	if _, ok := splitterAt(s, position); ok {
		fields = append(fields, "Channel", "Intent")
	}
	if _, ok := s.(pipeline.Opener); ok {
		fields = append(fields, "Opened")
	}
	if _, ok := s.(pipeline.Guard); ok && (position == Sealed || position == Opened) {
		fields = append(fields, "Fresh")
	}
	return fields
}

// checkFields returns which field the stage has set that is not among its own, or
// "".
func checkFields(given, now fields, mine []string) string {
	if given == now {
		return ""
	}
	x, y := reflect.ValueOf(given), reflect.ValueOf(now)
	for i := range x.NumField() {
		name := x.Type().Field(i).Name
		owner, owned := owners[name]
		if !owned || x.Field(i).Equal(y.Field(i)) || slices.Contains(mine, name) {
			continue
		}
		hint := ""
		if slices.Contains(settable, name) {
			hint = fmt.Sprintf("; where it is the stage's business, say so by fuzz.Sets(%q)", name)
		}
		values := "%v to %v"
		if x.Field(i).Type() == reflect.TypeFor[pipeline.ID]() {
			values = "%#x to %#x" // as elsewhere
		}
		return fmt.Sprintf("changed the packet's %s, which is not its to set: %s%s; from "+values, name, owner, hint, x.Field(i), y.Field(i))
	}
	return ""
}

// causeOf leaves out of what was broken the values that are of one packet.
func causeOf(broken string) string {
	cause, _, _ := strings.Cut(broken, "; from ")
	return cause
}
