package discovery

import "time"

const (
	// leastTTL bounds how often a name is asked for, whatever the config and the server say: a TTL of 0 must not make a
	// load test of the DNS server.
	leastTTL = 10 * time.Millisecond
	// usualMinTTL and usualMaxTTL hold where the config says nothing.
	usualMinTTL = time.Second
	usualMaxTTL = time.Minute

	// retryFirst and retryMost are how long after a failure the server is asked again: it doubles from one to the other, and
	// is at most the greatest TTL.
	retryFirst = time.Second
	retryMost  = 30 * time.Second

	// negativeTimes is how many negative answers in a row are believed. A name that is gone for a moment, as happens when a
	// zone is published anew, must not take a pool out of service.
	negativeTimes = 3

	// exchangeTimeout is for one question to one server, and triesPerServer how often each is asked before the ask has
	// failed: lost datagrams are usual, and nobody waits for the answer.
	exchangeTimeout = 2 * time.Second
	triesPerServer  = 2
	// maxServers bounds the servers that are asked, as the system's own resolver does (MAXNS).
	maxServers = 3

	// datagramSize is what a server may send in one datagram: what passes every network in one piece (DNS Flag Day 2020).
	datagramSize = 1232

	// maxRecords bounds the records of one answer that are used, and maxTargets the names of one SRV answer that are looked
	// up; a message has 64 KiB, which is about that many addresses.
	maxRecords = 4096
	maxTargets = 1024
	// targetsAtOnce bounds the questions for them that run at the same time.
	targetsAtOnce = 8
	// maxAliases bounds a chain of CNAMEs within an answer.
	maxAliases = 16

	// maxFileBytes bounds a file of endpoints: ten thousand with labels take less.
	maxFileBytes = 4 << 20
	// pollTime is how often a file is looked at where nothing tells of its changes: in some network and overlay file systems.
	pollTime = 2 * time.Second
	// settleTime is for how long a file that was just written has to stay as it is before it is read: who writes it in
	// place must not have half of the endpoints taken out of service.
	settleTime = 100 * time.Millisecond
)
