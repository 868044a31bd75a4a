package config

import (
	"time"

	"graygate/breaker"
	"graygate/upstream"
)

// The bounds of what upstreams and their kin may say, as those of limits.go.
const (
	// MaxSources bounds the sources of one pool: each costs a goroutine.
	MaxSources = 64
	// MaxEndpointWeight bounds the weight of an endpoint: what a balancer can honour.
	MaxEndpointWeight = upstream.MaxWeight
	// MaxPriority bounds priorities: each is a group of its own to fail over to.
	MaxPriority = 15
	// MaxLabels bounds the labels of one endpoint, MaxLabelValue the bytes of each: they go into metrics.
	MaxLabels     = 16
	MaxLabelValue = 128
	// MaxEndpointsFile bounds a file of endpoints: MaxEndpoints of them take about 400 KB.
	MaxEndpointsFile = 1 << 20
	// MinTTL keeps a DNS server from being asked all the time.
	MinTTL = 100 * time.Millisecond

	// MinSlowStart and MaxSlowStart bound slow_start: weights grow in steps of a tenth of a second.
	MinSlowStart = time.Second
	MaxSlowStart = time.Hour
	// MinLoad is the mean load itself: none could be below it everywhere. MaxLoad is ten times as much: no bound at all.
	MinLoad = 1_000_000
	MaxLoad = 10_000_000

	// MaxQueue bounds the requests that wait for a pool: each keeps a client's connection and its memory.
	MaxQueue = 100_000
	// MaxQueueTimeout bounds how long each waits: no user waits longer.
	MaxQueueTimeout = 10 * time.Minute
	// MaxIdle bounds the idle connections of a loop to one endpoint: an endpoint has 64,512 ports for one address.
	MaxIdle = 65_536
	// MaxConnectionRequests bounds requests: more is off.
	MaxConnectionRequests = 1_000_000_000
	// MinAge keeps connections from being made for a few requests only.
	MinAge = time.Second
	// MaxWarm bounds the connections that a loop opens ahead to one endpoint: all loops together open that many times more.
	MaxWarm = 1024

	// MinWindow and MaxWindow bound a breaker's window, which is kept in ten parts.
	MinWindow = time.Second
	MaxWindow = time.Hour
	// MinCalls and MaxCalls bound the outcomes that a breaker's window is bounded to: it is kept in ten parts.
	MinCalls = 10
	MaxCalls = 1_000_000
	// MaxMinRequests bounds min_requests: with more nothing would ever open.
	MaxMinRequests = 1_000_000
	// MaxConsecutive bounds failures in a row: with more nothing would ever open.
	MaxConsecutive = 10_000
	// MinOpen and MaxOpen bound how long something is left alone. The shares of outlier and breaker are judged ten times a second.
	MinOpen = 100 * time.Millisecond
	MaxOpen = time.Hour
	// MaxTrials bounds the calls of a half-open breaker: as many as it keeps apart.
	MaxTrials = breaker.MaxTrials

	// MinDeviations and MaxDeviations bound how far below the mean is too far: of 4096 endpoints, none is more than 64
	// deviations away, and nothing is learnt of more than ten.
	MinDeviations = 0.1
	MaxDeviations = 10.0
	// MinHosts is the least that a mean says something of.
	MinHosts = 2
	// MinOutlierInterval is the least in which an endpoint gets enough requests to be judged by.
	MinOutlierInterval = time.Second

	// MaxAttempts bounds how often a request is sent: an endpoint each.
	MaxAttempts = 10

	// MinProbeInterval keeps checks from being a load of their own.
	MinProbeInterval = 50 * time.Millisecond
	// MaxProbeTimeout bounds one check.
	MaxProbeTimeout = 10 * time.Minute
	// MaxRise bounds rise and fall: with more nothing would ever change.
	MaxRise = 100
	// MinStatus and MaxStatus bound the status codes that a final answer has (RFC 9110 section 15).
	MinStatus = 200
	MaxStatus = 599
	// MaxStatusRanges bounds the ranges of them: each answer is compared with all.
	MaxStatusRanges = 64
	// MaxProbeBytes bounds the texts that a check sends and expects.
	MaxProbeBytes = 4096
	// maxPEMBytes bounds a file of certificates or a key: all authorities of a system take about 250 KB.
	maxPEMBytes = 4 << 20

	// MinRunQueue and MaxRunQueue bound the runnable tasks of each core.
	MinRunQueue = 0.1
	MaxRunQueue = 1000.0

	// MaxRate bounds rates: no machine serves more.
	MaxRate = 100_000_000
	// MaxBurst bounds bursts for the same reason.
	MaxBurst = 100_000_000
	// MaxConcurrency bounds the requests in flight of one key: no machine holds more.
	MaxConcurrency = 1_000_000
)
