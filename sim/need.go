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

// checked returns w, and panics if New has not made it.
func (w *World) checked() *World {
	if w == nil || w.byName == nil {
		panic("sim: the *World is nil or zero; New returns one")
	}
	return w
}

// checked returns n, and panics if no World has made it.
func (n *Node) checked() *Node {
	if n == nil || n.w == nil {
		panic("sim: the *Node is nil or zero; World.Node, World.CoreNode and World.Program return nodes")
	}
	return n
}

// checked returns r, and panics if no World has made it.
func (r *Recorder) checked() *Recorder {
	if r == nil || r.stop == nil {
		panic("sim: the *Recorder is nil or zero; World.Record returns one")
	}
	return r
}
