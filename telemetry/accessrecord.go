package telemetry

import "time"

// Record is one line of the access log. A record is taken with [AccessLog.Take], filled, and given back by
// [AccessLog.Put]; after that the caller keeps nothing of it. The byte slices belong to the
// record: fill them with append on the emptied slice, so that their room is used again.
type Record struct {
	Time      time.Time
	Client    string // the client's address, without port
	Method    []byte // empty if there was no request that could be read
	Host      []byte
	Target    []byte
	Protocol  string // as the client spoke it: HTTP/1.1
	UserAgent []byte // see [Wants], as for the next two
	Referer   []byte
	TraceID   []byte // 32 hexadecimal digits
	RequestID []byte
	Status    int   // as answered; 0 if nothing was
	BytesIn   int64 // head and body, from the client
	BytesOut  int64 // head and body, to the client
	HeadOut   int64 // those of BytesOut that are the head of the answer
	Duration  time.Duration
	Took      time.Duration // from the beginning of the last attempt until the head of its answer; 0 if there was none
	Route     string
	Rule      string // what chose the pool: a rule, or EXPERIMENT=VARIANT; empty where neither did
	Tag       string // gray or stable, as assigned
	Pool      string // as served
	Upstream  string // address of the last endpoint tried
	Attempts  int    // endpoints tried
	Retries   int    // those that were tried because another had failed
	Fallback  bool   // assigned to gray, served by stable
	Error     string // the machine-readable reason, as in X-Graygate-Error; empty if none
	Cut       bool   // the answer was broken off

	Experiments []byte // the assignments, as in X-Experiment
}

// Wants are the parts of requests that are to be kept for a log, as it writes them. The others are written by every log, or
// cost nothing.
type Wants struct{ UserAgent, Referer, TraceID bool }

// empty takes everything out of the record but the room that it has.
func (r *Record) empty() {
	*r = Record{
		Method: r.Method[:0], Host: r.Host[:0], Target: r.Target[:0], UserAgent: r.UserAgent[:0], Referer: r.Referer[:0],
		TraceID: r.TraceID[:0], RequestID: r.RequestID[:0], Experiments: r.Experiments[:0],
	}
}

// size is how many bytes the texts have that clients choose.
func (r *Record) size() int64 {
	return int64(len(r.Method) + len(r.Host) + len(r.Target) + len(r.UserAgent) + len(r.Referer) + len(r.RequestID) + len(r.Experiments))
}

// room is how many bytes they can have without more memory.
func (r *Record) room() int {
	return cap(r.Method) + cap(r.Host) + cap(r.Target) + cap(r.UserAgent) + cap(r.Referer) + cap(r.RequestID) + cap(r.Experiments)
}

// failed reports whether people should look at the request.
func (r *Record) failed() bool { return r.Status >= 500 || r.Error != "" }
