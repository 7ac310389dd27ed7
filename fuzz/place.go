package fuzz

import "github.com/intentra/intentra/pipeline"

// checkPlace returns an error if a chain would refuse the stage in its position, or
// would not use its interfaces there, so that the other checks would mean nothing.
func checkPlace(s pipeline.Stage, position Position) error {
	if why := misplaced(s, position); why != "" {
		return wrong("At: stage %q cannot stand where it is given each %s: %s; it belongs where it is given each %s", s.Name(), position, why, positionOf(s))
	}
	if _, err := newTrack(s, position); err != nil {
		return wrong("the chain refuses the stage where it is given each %s: %v", position, err)
	}
	return nil
}

// misplaced returns why an interface of s does not fit the position, or "". Build
// accepts some of these stages, but their chain would not call the interface or would
// call it to no purpose.
func misplaced(s pipeline.Stage, position Position) string {
	_, opens := s.(pipeline.Opener)
	_, splits := s.(pipeline.Splitter)
	_, seals := s.(pipeline.Sealer)
	_, packs := s.(pipeline.Packer)
	inbound, outbound := opens || splits, seals || packs
	switch {
	case inbound && !outbound && !position.inbound():
		return "it opens or splits what has been received"
	case outbound && !inbound && position.inbound():
		return "it packs or seals what is to be sent"
	case opens && position.inbound() && position > Sealed:
		return "as a pipeline.Opener it opens packets, and these are open"
	case splits && !opens && position < Opened:
		return "as a pipeline.Splitter it splits plaintext, and these are sealed"
	case splits && position == Messages:
		return "as a pipeline.Splitter it takes packets apart, and these are single messages"
	case seals && !packs && position == OutMessages:
		return "as a pipeline.Sealer it seals packets, and these are single messages"
	case packs && position == OutPackets:
		return "as a pipeline.Packer it makes packets of messages, and these are made"
	}
	return ""
}
