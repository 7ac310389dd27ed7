package script

// command is a command of the language.
type command struct {
	usage string
	parse func(a *args) action
}

// commands holds all commands by name. init fills it, because their errors refer
// to it.
var commands map[string]command

func init() {
	commands = map[string]command{
		"seed":      {"seed N or N..M, in the first step", seedCommand},
		"node":      {"node NAME [SETTING=VALUE ...]", nodeCommand},
		"crowd":     {"crowd NAME N ADDR [SETTING=VALUE ...]", crowdCommand},
		"dial":      {"dial A B", dialCommand},
		"close":     {"close A B", closeCommand},
		"shutdown":  {"shutdown A", oneNode((*run).shutdown)},
		"kill":      {"kill A", oneNode((*run).kill)},
		"restart":   {"restart A", oneNode((*run).restart)},
		"pause":     {"pause A", oneNode((*run).pause)},
		"suspend":   {"suspend A", oneNode((*run).suspend)},
		"resume":    {"resume A", oneNode((*run).resume)},
		"jump":      {"jump A DURATION", jumpCommand},
		"slow":      {"slow A DURATION", slowCommand},
		"rebind":    {"rebind A [ADDR:PORT]", rebindCommand},
		"addaddr":   {"addaddr A [ADDR]", addAddrCommand},
		"dropaddr":  {"dropaddr A N", dropAddrCommand},
		"name":      {"name A own, name A none or name A ADDR:PORT,B,...", nameCommand},
		"lookup":    {"lookup A DURATION", lookupCommand},
		"net":       {"net [SETTING=VALUE ...]", netCommand},
		"link":      {"link A B [SETTING=VALUE ...]", linkCommand(false)},
		"links":     {"links A B [SETTING=VALUE ...]", linkCommand(true)},
		"partition": {"partition A,B C,D ...", partitionCommand},
		"heal":      {"heal", healCommand},
		"send":      {`send A B INTENT CHANNEL "TEXT"`, sendCommand},
		"load":      {"load A B INTENT CHANNEL every=DURATION [size=N or N..M] [count=N] [SETTING=...]", loadCommand},
		"record":    {"record N", recordCommand},
		"replay":    {"replay TO [from=ADDR:PORT]", replayCommand},
		"inject":    {"inject FROM TO HEX", injectCommand},
		"garbage":   {"garbage TO N [size=N or N..M] [from=ADDR:PORT]", garbageCommand},
		"starts":    {"starts TO every=DURATION from=ADDR [count=N] [delay=DURATION]", startsCommand},
		"run":       {"run DURATION or FROM..TO", runCommand},
		"await":     {"await DURATION CONDITION", awaitCommand},
		"expect":    {"expect CONDITION", expectCommand},
		"settle":    {"settle DURATION", settleCommand},
		"show":      {"show A", oneNode((*run).show)},
	}
}
