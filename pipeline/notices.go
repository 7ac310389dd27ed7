package pipeline

func (c *chain) OpenPeer(n PeerNotice) {
	for _, o := range c.peers {
		c.tell(o, func() { o.PeerOpened(n) })
	}
}

func (c *chain) ClosePeer(n PeerNotice) {
	for _, o := range c.peers {
		c.tell(o, func() { o.PeerClosed(n) })
	}
}

func (c *chain) OpenSession(n SessionNotice) {
	for _, o := range c.sessions {
		c.tell(o, func() { o.SessionOpened(n) })
	}
}

func (c *chain) CloseSession(n SessionNotice) {
	for _, o := range c.sessions {
		c.tell(o, func() { o.SessionClosed(n) })
	}
}

func (c *chain) OpenEpoch(n EpochNotice) {
	for _, o := range c.epochs {
		c.tell(o, func() { o.EpochOpened(n) })
	}
}

func (c *chain) CloseEpoch(n EpochNotice) {
	for _, o := range c.epochs {
		c.tell(o, func() { o.EpochClosed(n) })
	}
}

// tell gives a stage a notice. A panic there is reported, and the other stages
// hear of it all the same.
func (c *chain) tell(observer any, notice func()) {
	defer func() {
		if r := recover(); r != nil && c.onPanic != nil {
			c.onPanic(observer.(Stage).Name(), r)
		}
	}()
	notice()
}
