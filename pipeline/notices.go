package pipeline

// observer is a stage that implements T, with its position.
type observer[T any] struct {
	to T
	at int
}

// OpenPeer notifies the stages that a peer has become known.
func (c *chain) OpenPeer(n PeerNotice) {
	notify(c, c.peers, methodPeerOpened, n, PeerObserver.PeerOpened)
}

// ClosePeer notifies the stages that a peer was forgotten.
func (c *chain) ClosePeer(n PeerNotice) {
	notify(c, c.peers, methodPeerClosed, n, PeerObserver.PeerClosed)
}

// OpenSession notifies the stages that a session has opened.
func (c *chain) OpenSession(n SessionNotice) {
	notify(c, c.sessions, methodSessionOpened, n, SessionObserver.SessionOpened)
}

// CloseSession notifies the stages that a session has closed.
func (c *chain) CloseSession(n SessionNotice) {
	notify(c, c.sessions, methodSessionClosed, n, SessionObserver.SessionClosed)
}

// OpenEpoch notifies the stages that an epoch has opened.
func (c *chain) OpenEpoch(n EpochNotice) {
	notify(c, c.epochs, methodEpochOpened, n, EpochObserver.EpochOpened)
}

// CloseEpoch notifies the stages that an epoch has closed.
func (c *chain) CloseEpoch(n EpochNotice) {
	notify(c, c.epochs, methodEpochClosed, n, EpochObserver.EpochClosed)
}

// notify passes a notice to each observer. A panic in one is counted, and the others
// still get the notice.
func notify[T, N any](c *chain, all []observer[T], m method, n N, tell func(T, N)) {
	for _, o := range all {
		func() {
			returned := false
			defer func() {
				if !returned {
					c.faulted(o.at, m, cause(recover()))
				}
			}()
			tell(o.to, n)
			returned = true
		}()
	}
}
