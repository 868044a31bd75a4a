package admin

import "time"

const (
	// requestTime bounds reading a request and writing its answer: an operator's tool is quick, and a slow one must
	// not pile up.
	requestTime = 5 * time.Second
	// idleTime is how long a connection may wait for its next request.
	idleTime = 30 * time.Second
	// bodyBytes bounds a request's body; nothing here takes one.
	bodyBytes = 64 << 10
	// connections bounds how many are served at once.
	connections = 64
)
