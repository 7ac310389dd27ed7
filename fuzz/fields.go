package fuzz

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/intentra/intentra/pipeline"
)

// owners says which stage sets a field of a Packet, for those that not every stage may
// set. Any stage may set Struck, Unacknowledged and the payload.
var owners = map[string]string{
	"Addr":         "the driver sets it, and replies go there",
	"Now":          "the driver sets it, and it is the same for all stages",
	"Peer":         "header parse sets it, outbound the driver, and later stages rely on it",
	"Session":      "header parse sets it, outbound the driver, and later stages rely on it",
	"Epoch":        "header parse sets it, outbound the driver, and later stages rely on it",
	"EpochSeq":     "header parse sets it, outbound the driver, and later stages rely on it",
	"Counter":      "header parse sets it, outbound the driver, and no number may be used twice",
	"Channel":      "the splitter sets it, outbound the driver, and the order of messages depends on it",
	"Intent":       "the splitter sets it, outbound the driver, and the delivery of the message depends on it",
	"Began":        "the splitter sets it, and the order of messages depends on it",
	"Origin":       "the splitter sets it, outbound the driver, and the age of the message depends on it",
	"Within":       "the splitter sets it, outbound the driver, and the age of the message depends on it",
	"Messages":     "the splitter sets it, and the peer is charged for it",
	"MessageBytes": "the splitter sets it, and the peer is charged for it",
	"Sequence":     "the driver sets it, and acknowledgements use it",
	"Distance":     "the driver sets it, and the receiver orders messages by it",
	"Opened":       "SetPlaintext is for a pipeline.Opener alone; use SetPayload",
	"Fresh":        "MarkFresh is for the replay window alone, a pipeline.Guard before the message stages: it states that the peer sent the packet, and that it is no replay",
}

// settable are the fields that Sets takes. Now is not among them, because all stages
// must agree about the time.
var settable = []string{"Addr", "Peer", "Session", "Epoch", "EpochSeq", "Counter", "Channel", "Intent", "Sequence", "Distance"}

// fieldsOfKind returns the fields that a stage with the interfaces of s may set in its
// position.
func fieldsOfKind(s pipeline.Stage, position Position) (fields []string) {
	if _, ok := s.(pipeline.EpochObserver); ok && position == Datagrams { // no other stage there can know an epoch
		fields = append(fields, "Peer", "Session", "Epoch", "EpochSeq", "Counter")
	}
	if _, ok := splitterAt(s, position); ok {
		fields = append(fields, "Channel", "Intent", "Began", "Origin", "Within", "Messages", "MessageBytes")
	}
	if _, ok := s.(pipeline.Opener); ok {
		fields = append(fields, "Opened")
	}
	if _, ok := s.(pipeline.Guard); ok && (position == Sealed || position == Opened) {
		fields = append(fields, "Fresh")
	}
	return fields
}

// checkFields returns the field that the stage has set and that is not among mine, or
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
			hint = fmt.Sprintf("; fuzz.Sets(%q) allows it", name)
		}
		values := "%v to %v"
		if x.Field(i).Type() == reflect.TypeFor[pipeline.ID]() {
			values = "%#x to %#x" // as in other failures
		}
		return fmt.Sprintf("changed the packet's %s, which it must not set: %s%s; from "+values, name, owner, hint, x.Field(i), y.Field(i))
	}
	return ""
}

// causeOf returns broken without the values of one packet.
func causeOf(broken string) string {
	cause, _, _ := strings.Cut(broken, "; from ")
	return cause
}
