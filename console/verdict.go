package console

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// What we chose.
const (
	// goodDelivery and badDelivery, in percent, and ageLimit, in milliseconds, are the
	// limits between the levels of a verdict. The age is bad beyond badAge times its limit.
	goodDelivery = 99.9
	badDelivery  = 90
	ageLimit     = 50
	badAge       = 10
	// floodRate is the rate of drops per second that is called a flood.
	floodRate = 100
	// steadyRate is the rate of drops per second that is worth naming.
	steadyRate = 0.5
	// levelLasts is the least time between a level and a lower one.
	levelLasts = 5 * time.Second
)

// level is how urgent a verdict is.
type level uint8

const (
	levelUnknown level = iota // nothing has been measured yet
	levelGood
	levelWarning
	levelBad
)

func (l level) String() string { return [...]string{"unknown", "good", "warning", "bad"}[l] }

// MarshalText returns the name of the level.
func (l level) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// health is the input of a verdict. Rates are per second.
type health struct {
	connected, missing int
	firstMissing       string
	delivery           float64 // percent; NaN: nothing was decided
	p50, p99           float64 // milliseconds; NaN: nothing was measured
	ageKind            ageKind
	lawBroken          string  // which law does not hold, or empty
	panics             uint64  // since the verdicts began
	overflow           float64 // datagrams that the kernel dropped
	displaced          float64 // states that newer ones of other channels displaced
	drops              []dropRate
	in, cpu, cores     float64
	// fresh says that delivery and ages are newer than those of the health before. Only then
	// is a level worded again, so that its words name the numbers of the head line.
	fresh bool
}

// dropRate is a reason for drops at one stage.
type dropRate struct {
	stage, reason string
	rate          float64
}

// unauthentic are the stages in front of the cipher and the cipher itself: what they
// drop was not sent by a peer, or is not known to be.
var unauthentic = map[string]bool{"cookie": true, "header": true, "aead": true, "replay": true}

// verdict is one sentence and its reason. In Why, text between two asterisks is a name or
// a number to emphasise.
type verdict struct {
	Level level  `json:"level"`
	Head  string `json:"head"`
	Why   string `json:"why"`
	// For is how long the level has lasted, in seconds.
	For int `json:"for"`
	// Peer is the peer that the verdict is about, or empty.
	Peer string `json:"peer,omitempty"`
}

// judge keeps the present verdict. The zero value is ready to use.
type judge struct {
	current verdict
	since   time.Duration // of the level
	begun   bool
}

// next returns the verdict at the time now. A level lasts at least levelLasts before it
// falls, and rises at once.
func (j *judge) next(h health, now time.Duration) verdict {
	v := assess(h)
	switch {
	case !j.begun:
		j.begun, j.since = true, now
	case v.Level < j.current.Level && j.current.Level != levelUnknown && now-j.since < levelLasts:
		v = j.current
	case v.Level != j.current.Level:
		j.since = now
	case !h.fresh:
		v = j.current
	}
	v.For = int((now - j.since).Seconds())
	j.current = v
	return v
}

// assess returns the verdict on one state.
func assess(h health) verdict {
	for _, rule := range []func(health) (verdict, bool){
		brokenLaw, panicked, noPeers, badlyDelivered, badlyAged,
		missingPeers, overloaded, flooded, underDelivered, aged,
	} {
		if v, applies := rule(h); applies {
			return v
		}
	}
	return good(h)
}

// Each rule returns early if it does not apply: ten times a second, almost none does, and
// most of the cost of a verdict is its words.

func brokenLaw(h health) (verdict, bool) {
	if h.lawBroken == "" {
		return verdict{}, false
	}
	return verdict{Level: levelBad, Head: "The law does not hold: " + h.lawBroken,
		Why: "The numbers accepted, consumed and dropped do not add up to those that went in. This is a defect of the transport. Save the counters of */metrics* and report it."}, true
}

func panicked(h health) (verdict, bool) {
	if h.panics == 0 {
		return verdict{}, false
	}
	return verdict{Level: levelBad, Head: "Code of this program panics",
		Why: fmt.Sprintf("*%s* since the page began to watch, in a stage or callback. Each lost one packet or message, and the log has the stack. Fix the stage or callback.",
			plural(float64(h.panics), "panic was recovered", "panics were recovered"))}, true
}

func noPeers(h health) (verdict, bool) {
	if h.connected > 0 || h.missing == 0 {
		return verdict{}, false
	}
	return verdict{Level: levelBad, Head: "No peer is connected",
		Why: fmt.Sprintf("All %d peers that were connected are gone, %s among them. Look for what they have in common: the network, the address of this side, or the access list.", h.missing, name(h.firstMissing)),
	}, true
}

func badlyDelivered(h health) (verdict, bool) {
	if !(h.delivery < badDelivery) { // it may be NaN
		return verdict{}, false
	}
	why := fmt.Sprintf("Only *%s* of the messages sent in the last two seconds were acknowledged. %s", percent(h.delivery), lossOf(h))
	if h.overflow >= 1 || h.displaced >= floodRate {
		why += " More arrives than can be handled: lower the rate of the busiest peers, or their limits."
	} else {
		why += " Look at the loss of single peers: if all have it, the path of this machine is at fault."
	}
	return verdict{Level: levelBad, Head: "Updates do not arrive", Why: why}, true
}

func badlyAged(h health) (verdict, bool) {
	if !(h.p99 > badAge*ageLimit) {
		return verdict{}, false
	}
	return verdict{Level: levelBad, Head: "The " + kindName(h) + " is far over its limit",
		Why: fmt.Sprintf("Its p99 is *%s*; the limit is %d ms. %s %s", millis(h.p99), ageLimit, largest(h), whyLate)}, true
}

func missingPeers(h health) (verdict, bool) {
	if h.missing == 0 {
		return verdict{}, false
	}
	head := plural(float64(h.missing), "peer is missing", "peers are missing")
	return verdict{Level: levelWarning, Head: head, Peer: h.firstMissing,
		Why: fmt.Sprintf("%s sends nothing any more. The other *%d* are connected. Its row tells when it was last seen, and from where.", name(h.firstMissing), h.connected)}, true
}

func overloaded(h health) (verdict, bool) {
	if h.overflow < 1 && h.displaced < floodRate {
		return verdict{}, false
	}
	why := fmt.Sprintf("*%s* arrive. ", plural(h.in, "packet/s", "packets/s"))
	if h.overflow > 0 {
		why += fmt.Sprintf("The kernel discards *%s/s* before they can be read. ", number(h.overflow))
	}
	if h.displaced > 0 {
		why += fmt.Sprintf("*%s* older states/s are displaced in send queues. ", number(h.displaced))
	}
	return verdict{Level: levelWarning, Head: "Overloaded: more arrives than can be handled",
		Why: why + "Nothing stalls: newer states keep arriving. To recover, lower the rate of the busiest peer, or its limit."}, true
}

func flooded(h health) (verdict, bool) {
	d := top(h.drops, func(d dropRate) bool { return unauthentic[d.stage] })
	if d.rate < floodRate {
		return verdict{}, false
	}
	calm := !(h.delivery < goodDelivery) && !(h.p99 > ageLimit)
	v := verdict{Level: levelWarning, Head: "A flood, and honest traffic is unaffected",
		Why: fmt.Sprintf("*%s* packets/s are dropped at *%s* as %s. ", number(d.rate), d.stage, words(d.reason))}
	if d.reason == "forged" {
		v.Head = "Forged flood, and honest traffic is unaffected"
		v.Why = fmt.Sprintf("*%s forged packets/s* arrive. All of them fail authentication and are dropped at *aead*. ", number(d.rate))
	}
	if calm {
		v.Why += effects(h) + "No action is needed."
	} else {
		v.Head = strings.Replace(v.Head, "and honest traffic is unaffected", "and it is felt", 1)
		v.Why += effects(h) + "Look for its source, and filter it in front of this machine."
	}
	return v, true
}

func underDelivered(h health) (verdict, bool) {
	if !(h.delivery < goodDelivery) {
		return verdict{}, false
	}
	return verdict{Level: levelWarning, Head: "Some updates are lost",
		Why: fmt.Sprintf("*%s* of the messages sent in the last two seconds were acknowledged. %s If one peer has the loss, its link is at fault.", percent(h.delivery), lossOf(h))}, true
}

func aged(h health) (verdict, bool) {
	if !(h.p99 > ageLimit) {
		return verdict{}, false
	}
	return verdict{Level: levelWarning, Head: "Updates are late",
		Why: fmt.Sprintf("The p99 %s is *%s*; its limit is %d ms. %s %s", kindName(h), millis(h.p99), ageLimit, largest(h), whyLate)}, true
}

func good(h health) verdict {
	if h.connected == 0 {
		return verdict{Level: levelUnknown, Head: "Waiting for the first peer", Why: "No peer has connected yet."}
	}
	if math.IsNaN(h.p50) && math.IsNaN(h.delivery) {
		return verdict{Level: levelUnknown, Head: "Measuring", Why: fmt.Sprintf("%s; nothing has been sent and acknowledged yet.", plural(float64(h.connected), "peer is connected", "peers are connected"))}
	}
	why := plural(float64(h.connected), "peer is connected", "peers are connected")
	return verdict{Level: levelGood, Head: "Every peer is up and current", Why: why + ". " + effects(h) + largest(h)}
}

// effects describes delivery and latency.
func effects(h health) (text string) {
	if !math.IsNaN(h.delivery) {
		text = fmt.Sprintf("*%s* of messages arrive. ", percent(h.delivery))
	}
	switch {
	case math.IsNaN(h.p50):
	case h.ageKind == ageAtHub:
		text += fmt.Sprintf("Updates are *%s* old at the hub at the median and *%s* at p99. ", millis(h.p50), millis(h.p99))
	case h.ageKind == ageAtHandler:
		text += fmt.Sprintf("Updates are *%s* old at the median and *%s* at p99. ", millis(h.p50), millis(h.p99))
	default:
		text += fmt.Sprintf("Round trips take *%s* at the median and *%s* at p99. ", millis(h.p50), millis(h.p99))
	}
	return text
}

// largest names the largest steady drop.
func largest(h health) string {
	d := top(h.drops, func(dropRate) bool { return true })
	if d.rate < steadyRate {
		return "Nothing is dropped."
	}
	return fmt.Sprintf("The largest steady drop is *%s/s* at *%s*, as %s.", number(d.rate), d.stage, words(d.reason))
}

// lossOf says where messages are lost.
func lossOf(h health) string {
	if top(h.drops, func(dropRate) bool { return true }).rate < steadyRate {
		return "This side drops none: they are lost on the network."
	}
	return largest(h)
}

// whyLate says what to look at if updates are late.
const whyLate = "Look at the CPU, at slow handlers, and at the round-trip times of single peers."

func top(drops []dropRate, of func(dropRate) bool) (most dropRate) {
	for _, d := range drops {
		if of(d) && d.rate > most.rate {
			most = d
		}
	}
	return most
}

func kindName(h health) string {
	switch h.ageKind {
	case ageAtHandler:
		return "age of updates"
	case ageAtHub:
		return "age of updates at the hub"
	}
	return "round-trip time"
}

func name(s string) string {
	if s == "" {
		return "A peer"
	}
	return "*" + strings.ReplaceAll(s, "*", "") + "*"
}

func words(reason string) string { return strings.ReplaceAll(reason, "_", " ") }

func plural(n float64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return number(n) + " " + many
}

// number writes a rate with a comma between thousands.
func number(v float64) string {
	if v < 10 {
		return strings.TrimSuffix(fmt.Sprintf("%.1f", v), ".0")
	}
	s := fmt.Sprintf("%.0f", v)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func percent(v float64) string {
	return strings.TrimSuffix(fmt.Sprintf("%.2f", math.Floor(100*v)/100), ".00") + " %"
}

// millis writes milliseconds. Below 100 it has a digit after the point, so that a value just
// above the limit does not look like the limit.
func millis(v float64) string {
	if v < 100 {
		return fmt.Sprintf("%.1f ms", v)
	}
	return fmt.Sprintf("%.0f ms", v)
}
