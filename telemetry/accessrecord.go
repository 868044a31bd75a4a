package telemetry

import "time"

// Record is what one line of the access log tells. It belongs to the caller, as do the texts in it, which may be views of bytes
// that change later; but Route, Rule, Tag, Pool and Upstream, which [AccessLog.Put] remembers, never change.
type Record struct {
	Time      time.Time
	Client    string // the client's address, without port
	Method    string // empty if there was no request that could be read
	Host      string
	Target    string
	Protocol  string // as the client spoke it: HTTP/1.1
	UserAgent string // see [Wants], as for the next two
	Referer   string
	TraceID   string // 32 hexadecimal digits
	RequestID string
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

	Experiments string // the assignments, as in X-Experiment
}

// Wants are the parts of requests that are to be kept for a log, as it writes them. The others are written by every log, or
// cost nothing.
type Wants struct{ UserAgent, Referer, TraceID bool }

// failed reports whether people should look at the request.
func (r *Record) failed() bool { return r.Status >= 500 || r.Error != "" }
