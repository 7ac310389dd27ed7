package sim

// need panics if a function was called without something that it needs: at once,
// where the mistake is, and not some steps later.
func need(ok bool, function, what string) {
	if !ok {
		panic("sim: " + function + " needs " + what)
	}
}

// needNode panics if n is not one of w's nodes.
func (w *World) needNode(n *Node, function string) {
	need(n != nil && n.w == w, function, "nodes of its own world")
}
