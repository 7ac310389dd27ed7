package pipeline

// observer is a stage that takes notices of one kind, with its position.
type observer[T any] struct {
	to T
	at int
}

// OpenPeer tells the stages that a peer has become known.
func (c *chain) OpenPeer(n PeerNotice) {
	notify(c, c.peers, methodPeerOpened, n, PeerObserver.PeerOpened)
}

// ClosePeer tells the stages that a peer has been forgotten.
func (c *chain) ClosePeer(n PeerNotice) {
	notify(c, c.peers, methodPeerClosed, n, PeerObserver.PeerClosed)
}

// OpenSession tells the stages that a session has opened.
func (c *chain) OpenSession(n SessionNotice) {
	notify(c, c.sessions, methodSessionOpened, n, SessionObserver.SessionOpened)
}

// CloseSession tells the stages that a session has closed.
func (c *chain) CloseSession(n SessionNotice) {
	notify(c, c.sessions, methodSessionClosed, n, SessionObserver.SessionClosed)
}

// OpenEpoch tells the stages that an epoch has opened.
func (c *chain) OpenEpoch(n EpochNotice) {
	notify(c, c.epochs, methodEpochOpened, n, EpochObserver.EpochOpened)
}

// CloseEpoch tells the stages that an epoch has closed.
func (c *chain) CloseEpoch(n EpochNotice) {
	notify(c, c.epochs, methodEpochClosed, n, EpochObserver.EpochClosed)
}

// notify gives a notice to each observer. If one panics, that is counted and the
// others are told all the same.
func notify[T, N any](c *chain, all []observer[T], m method, n N, tell func(T, N)) {
	for _, o := range all {
		func() {
			defer func() {
				if r := recover(); r != nil {
					c.faulted(o.at, m, r)
				}
			}()
			tell(o.to, n)
		}()
	}
}
