// Package prose holds the wording of this module to a list of turns of phrase
// that read as if translated. It has no code, only tests:
//
//   - rules_test.go: the list. Each rule names the better form, with a sentence
//     that breaks it and the same sentence put right.
//   - check_test.go: what is read. That is every comment and every string with
//     a space in it in Go files, tests included, and every document in
//     Markdown outside of its code blocks.
//
// A rule finds candidates, not errors. A sentence that is right as it stands is
// still reworded, because a list of exceptions would grow.
package prose
