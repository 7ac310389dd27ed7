package prose

import (
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// rule is one turn of phrase to avoid.
type rule struct {
	// pattern is matched against whole paragraphs, with their lines joined by
	// single spaces, ignoring case.
	pattern string
	// instead says what to write.
	instead string
	// wrong breaks the rule, right is the same sentence without any fault.
	wrong, right string
}

var rules = []rule{
	{`\bwho(so)?ever\b`, "name the subject: a peer that, any caller that",
		"Whoever holds the key may connect.", "A peer that holds the key may connect."},
	{`\bwhom\b`, "name the subject, or use that",
		"It says whom it expects.", "It names the peer that it expects."},
	{`\b(he|him|his|she|hers?)\b`, "it, its: peers, senders and callers are things",
		"A dialer and his key.", "A dialer and its key."},
	{`\b(no|some|any)body\b`, "name the subject: no peer, a caller, any sender; or use the passive",
		"Nobody waits for it.", "No caller waits for it."},
	{`((?-i:^W)|[.;:] w)(ho|hat|hose) [a-z ]+ (is|are|has|have|does|comes|goes|keeps|dials|sends|gets|costs)\b[^?]*$`,
		"name the subject: the peer that, the data that", "What waits here is sent later.", "Messages in the queue are sent later."},
	{`(^|[.;] )where [a-z ]+ (is|are|has|have|does|comes|goes)\b[^?,]*[.;]`, "if, or when, with a comma after the clause",
		"Where the kernel has it is read.", "If the kernel has it, it is read."},
	{`(^|[.;:,] )who (dials|sends|asks|sees|connects|receives|knows|wants|cannot|has|is)\b[^?]*$`, "the dialer, the sender, a peer that",
		"Who dials keeps alive.", "The dialer sends keep-alives."},
	{`\bcom(e|es|ing) to nothing\b`, "fails", "A rekey that comes to nothing.", "A rekey that fails."},
	{`\b(is|are|was) none\b`, "does not exist, is missing, is invalid", "What should be a key is none.", "The key is malformed."},
	{`\bthere (is|are|was) none\b`, "none exists; if it is missing", "It waits if there is none.", "It waits if the queue is empty."},
	{`\bbehind (it|them|the (message|packet|splitter|stage|ack|aead|seal|one))\b`, "after", "Stages behind the aead.", "Stages after the aead."},
	{`\bbeside (it|the|them|a|each|that|ours)\b`, "next to, alongside, in addition to", "A file beside the test.", "A file next to the test."},
	{`\ball the same\b`, "regardless, still", "The rest are sent all the same.", "The rest are still sent."},
	{`\bfor (want|lack) of\b`, "because there is no", "Dropped for want of room.", "Dropped because the queue is full."},
	{`\b(lacks?|lacking)\b`, "has no, is missing, needs", "What lacks to a full bucket.", "The deficit from a full bucket."},
	{`\bstands? (in|at|on|there|before|behind|for|beside)\b`, "is in, comes before, represents, precedes",
		"It stands before the cipher.", "It comes before the cipher."},
	{`\b(is|are|was) (told|had|owed to)\b`, "is called, is notified, is available, learns", "The callback is told.", "The callback is called."},
	{`\bha(s|ve) (it|them|him) \w+ed\b`, "use the active voice", "It has them checked.", "It checks them."},
	{`\b(sees? to|see to (it|that))\b`, "ensures", "The kernel sees to that.", "The kernel ensures that."},
	{`\bgives? up\b|\bg(iv(e|es|ing|en)|ave) way\b`, "evicts, is evicted, yields to, abandons, stops, expires", "The older one gives way.", "The older one is evicted."},
	{`\bby lot\b`, "at random", "One is drawn by lot.", "One is drawn at random."},
	{`\bmend(s|ed|ing)?\b`, "fix, repair", "It mends the checksum.", "It repairs the checksum."},
	{`\bhears? of\b`, "learns of, is notified of", "A stage hears of new sessions.", "A stage is notified of new sessions."},
	{`\blook(s|ed|ing)? (at|after) (by|in|for|again|too)\b|\blooked at\b`, "checked, examined, inspected, read",
		"The bucket is looked at first.", "The bucket is checked first."},
	{`\bin hand\b`, "the current, held", "The message in hand.", "The current message."},
	{`\bone that is (there|over|on)\b`, "an existing, a finished, the running", "Removes one that is over.", "Removes a finished one."},
	{`\b(that|which) (is|are|was|were) over\b`, "finished, ended", "A handshake that is over.", "A finished handshake."},
	{`\bout of (it|them) again\b`, "from it", "It reads out of it again.", "It reads from it."},
	{`\bso many\b`, "that many, the number of, up to n", "Good for so many packets.", "Valid for at most Limit packets."},
	{`\banew\b`, "again, from scratch", "It is measured anew.", "It is measured again."},
	{`\bwants? to be\b`, "must be, should be, asks to be", "A field that wants to be set.", "A field that must be set."},
	{`\bthe more (so|it|they)\b`, "put the cause first", "It helps the more they wait.", "It helps more as they wait longer."},
	{`\bmeanwhile\b`, "at the same time, until then", "Meanwhile packets queue.", "Until then packets queue."},
	{`\bcosts? (nobody|only|each|nothing but)\b`, "name the cost: loses, delays, takes", "A panic costs only that packet.", "A panic loses that packet alone."},
	{`\btak(e|es|ing) turns\b`, "in turn, round-robin, share", "Addresses take turns.", "Addresses are served round-robin."},
	{`\bas long as it\b.*\bholds\b`, "while", "It is kept as long as it still holds.", "It is kept while valid."},
	{`\b(waits?|waiting|waited) to be (had|read|taken|delivered)\b`, "is queued", "The message waits to be had.", "The message is queued."},
	{`\bby then\b`, "later, until then, before that", "By then it is gone.", "It is gone before that."},
	{`\bof (ours|the user's|its own) (alone|there)\b`, "only our, only the user's", "A matter of ours alone.", "Only our code does this."},
	{`\b(makes?|made) nothing of\b|\bnothing of it\b`, "ignores, is unaffected", "It makes nothing of it.", "It ignores the packet."},
	{`([^e]|[^r]e) is no (command|key|file|address|session|peer|packet|reason|number|stage|name|limit|error)\b`, "is not a",
		`"x" is no command.`, `"x" is not a command; there is no limit.`},
}

// Each rule finds its own example, and no rule objects to what it recommends.
func TestRules(t *testing.T) {
	for _, r := range rules {
		require.NotEmpty(t, hits(r.wrong, rule{pattern: r.pattern}), "the rule %s misses its example", r.pattern)
		require.Empty(t, hits(r.right, rules...), "the better form for %s has a fault of its own", r.pattern)
	}
}

var compiled = make(map[string]*regexp.Regexp)

// hits returns what the rules find in one paragraph, each with the better form.
func hits(paragraph string, rules ...rule) (found []string) {
	for _, r := range rules {
		rx := compiled[r.pattern]
		if rx == nil {
			rx = regexp.MustCompile(`(?i)` + r.pattern)
			compiled[r.pattern] = rx
		}
		if m := rx.FindString(paragraph); m != "" {
			found = append(found, "\""+m+"\": "+r.instead)
		}
	}
	return found
}
