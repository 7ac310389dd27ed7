// The messages of the server, as types for the checker. See totals.go and sampler.go.

/**
 * @typedef {'age' | 'hub' | 'rtt'} AgeKind
 *
 * @typedef {object} ChainPlan
 * @property {string[]} stages
 * @property {[string, string][]} drops stage and reason of each row
 * @property {boolean[]} custom
 *
 * @typedef {object} Setting
 * @property {string} name
 * @property {string} label
 * @property {string} [unit]
 * @property {number} min
 * @property {number} max
 * @property {number} step
 * @property {number} value
 *
 * @typedef {object} Section
 * @property {string} title
 * @property {string} [note]
 * @property {string} [warning]
 * @property {string[]} columns
 * @property {string[][]} rows
 *
 * @typedef {object} Hello
 * @property {string} name
 * @property {string} key
 * @property {string} addr
 * @property {string} [version]
 * @property {boolean} hub
 * @property {ChainPlan} in
 * @property {ChainPlan} out
 * @property {string[]} queue
 * @property {string[]} [hubDrops]
 * @property {AgeKind} ageKind
 * @property {number} ageLimit
 * @property {number[]} bounds
 * @property {number} cores
 * @property {Setting[]} [controls]
 *
 * @typedef {object} ChainTotals
 * @property {number[]} p packets in, accepted, consumed
 * @property {number[]} m messages in, accepted, consumed
 * @property {[number, number, number][]} d row, packets, messages
 * @property {[number, number, number][]} c row, packets, messages
 *
 * @typedef {object} Event
 * @property {number} n
 * @property {number} t
 * @property {string} k
 * @property {string} x
 * @property {string} [c]
 *
 * @typedef {object} Verdict
 * @property {'unknown' | 'good' | 'warning' | 'bad'} level
 * @property {string} head
 * @property {string} why
 * @property {number} for
 * @property {string} [peer]
 *
 * @typedef {object} HeatColumn
 * @property {number[]} c
 * @property {number} [slow]
 * @property {number} [overflow]
 *
 * @typedef {object} Frame
 * @property {number} n
 * @property {number} now
 * @property {number} up
 * @property {ChainTotals} in
 * @property {ChainTotals} out
 * @property {number[]} sock
 * @property {number[]} queue
 * @property {number} app
 * @property {number[]} [hub]
 * @property {number[]} misc
 * @property {number[]} sizes
 * @property {number} connected
 * @property {number} expected
 * @property {number} [hidden]
 * @property {number | null} delivery
 * @property {AgeKind} kind
 * @property {number | null} p50
 * @property {number | null} p99
 * @property {number | null} cpu
 * @property {HeatColumn[]} [heat]
 * @property {{l: string, u: string, v: number}[]} [rt]
 * @property {Verdict} v
 * @property {string} [broken]
 * @property {Setting[]} [settings]
 * @property {Section[]} [sections]
 * @property {any[][]} peers
 * @property {any[][]} topics
 * @property {number[][]} places
 * @property {string[]} [reset]
 * @property {number} [skipped]
 * @property {Event[]} [events]
 */

export {};
