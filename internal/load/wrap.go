package load

import (
	"fmt"
	"io"
)

// columns is the width of the tables that are printed.
const columns = 80

// WrapList writes head and the items with commas between them, in lines of at
// most 80 columns unless a single item is longer. Each line begins with indent
// spaces.
func WrapList(w io.Writer, indent int, head string, items []string) {
	fmt.Fprintf(w, "%*s%s", indent, "", head)
	at := indent + len(head)
	for i, item := range items {
		if i < len(items)-1 {
			item += ","
		}
		switch {
		case i == 0:
		case at+1+len(item) > columns:
			fmt.Fprintf(w, "\n%*s", indent+2, "")
			at = indent + 2
		default:
			item = " " + item
		}
		fmt.Fprint(w, item)
		at += len(item)
	}
	fmt.Fprintln(w)
}
