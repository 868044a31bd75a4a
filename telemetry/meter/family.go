package meter

// Family is a metric: one name, with all its label values. The ones below are all that the gateway has of its own; values
// of the process and the Go runtime come beside them.
type Family struct {
	Name   string
	Kind   string // counter, gauge or histogram
	Help   string
	Labels []string
	index  int // its place in the page, from 1; 0: it is not one of the below
}

// Families are all of them, in the order of the page.
func Families() []*Family { return append([]*Family(nil), families...) }

var families []*Family

func family(kind, name, help string, labels ...string) Family {
	return Family{Name: name, Kind: kind, Help: help, Labels: labels}
}

func init() {
	families = []*Family{
		&Requests, &RequestDuration, &UpstreamDuration, &UnitMissing,
		&Connections, &ConnectionsTotal, &ConnectionsRefused, &Received, &Sent,
		&Retries, &Fallbacks, &Hedges, &HedgesWon, &Queued, &Refused, &SentAway, &Dials, &DialFailures, &Relays, &Panics,
		&BreakerState, &EndpointUp, &ProbeResults, &Events,
		&ConfigGeneration, &Reloads, &LastReloadSuccessful, &LastReloadTime,
		&Assignments, &SampleRatioMismatch, &SampleRatioEvidence, &SampledUnits, &SamplesDropped, &LayerUnitMissing,
		&LoopLag, &AccessLogDropped, &Spans, &Build,
	}
	for i, f := range families {
		f.index = i + 1
	}
}

// What the registry counts itself.
var (
	Requests = family("counter", "graygate_requests_total",
		"Requests that are over. is_gray is by assignment, upstream is the pool that answered: a fallback has is_gray=\"true\" and the stable pool; \"\" is the gateway itself.",
		"service_name", "gray_rule_id", "is_gray", "http_status_code", "upstream")
	RequestDuration = family("histogram", "graygate_request_duration_seconds",
		"From the end of a request's head to the end of its answer; of a tunnel, to its beginning.", "service_name", "gray_rule_id", "is_gray")
	UpstreamDuration = family("histogram", "graygate_upstream_duration_seconds",
		"The part of it that upstreams took until the head of the answer, all attempts together, without the time that the client took to send the body; requests that asked none are left out.", "service_name", "gray_rule_id", "is_gray")
	UnitMissing = family("counter", "graygate_unit_missing_total",
		"Requests that a rule passed over for no other reason than that its unit, the attribute of its percentage, is missing.", "service_name", "gray_rule_id")
	LayerUnitMissing = family("counter", "graygate_experiment_unit_missing_total",
		"Requests that a layer of experiments assigned to nothing as a unit was missing: its own, or that of a holdout or an exposure.", "layer")
	Assignments = family("counter", "graygate_experiment_assignments_total",
		"Requests that an experiment assigned to a variant.", "tenant", "experiment", "variant")
	SampleRatioMismatch = family("gauge", "graygate_experiment_sample_ratio_mismatch",
		"1 once the units of an experiment do not split as its weights say, until weights or salt change. at is where units are counted: assignment, or outcome (they were answered).",
		"tenant", "experiment", "at")
	SampleRatioEvidence = family("gauge", "graygate_experiment_sample_ratio_log_evidence",
		"Natural logarithm of the evidence against the weights; at 9.21 (10000 to 1) it is a mismatch.", "tenant", "experiment", "at")
	SampledUnits = family("gauge", "graygate_experiment_sampled_units",
		"Distinct units that the evidence rests on, one in 64 of all.", "tenant", "experiment", "at")
	SamplesDropped = family("counter", "graygate_experiment_samples_dropped_total",
		"Sampled units that were not tested as the queue of a loop was full.")
)

// What the parts of the gateway tell by collectors.
var (
	Connections = family("gauge", "graygate_connections",
		"Connections of clients that are open, by listener.", "listener")
	ConnectionsTotal = family("counter", "graygate_connections_total",
		"Connections of clients that were accepted.", "listener")
	ConnectionsRefused = family("counter", "graygate_connections_refused_total",
		"Connections of clients that were closed at once, as a listener had all that it may have.", "listener")
	Received = family("counter", "graygate_received_bytes_total",
		"Bytes read from clients, without TLS.")
	Sent = family("counter", "graygate_sent_bytes_total",
		"Bytes written to clients, without TLS.")
	Retries = family("counter", "graygate_retries_total",
		"Further attempts of requests, by what the one before came to.", "reason")
	Fallbacks = family("counter", "graygate_fallbacks_total",
		"Requests assigned to gray that the stable pool served, as the gray pool could not.", "service_name")
	Hedges = family("counter", "graygate_hedges_total",
		"Second attempts that were begun beside a first one that was slow.")
	HedgesWon = family("counter", "graygate_hedges_won_total",
		"Those of them that answered first.")
	Queued = family("counter", "graygate_queued_total",
		"Requests that waited for an endpoint to have room.")
	Refused = family("counter", "graygate_refused_total",
		"Requests that the gateway refused for a limit's sake: rate_limit, concurrency, or overload of the machine.", "reason")
	SentAway = family("counter", "graygate_sent_away_total",
		"Clients' connections that ended with their answer because the machine is near a bound of overload, so that the next one leads elsewhere.")
	Dials = family("counter", "graygate_dials_total",
		"Connections to endpoints that were begun by the loops.")
	DialFailures = family("counter", "graygate_dial_failures_total",
		"Those of them that could not be made.")
	Relays = family("counter", "graygate_relays_total",
		"Exchanges that left their loop, for long bodies, slow peers and tunnels.")
	Panics = family("counter", "graygate_panics_total",
		"Errors inside the gateway, each of which cost a connection.")
	BreakerState = family("gauge", "graygate_breaker_state",
		"0 closed, 1 half-open, 2 open. endpoint=\"\" is the breaker of the pool.", "upstream", "endpoint")
	EndpointUp = family("gauge", "graygate_endpoint_up",
		"1 if the endpoint is given requests as far as its probes, breaker and outlier detection are concerned.", "upstream", "endpoint")
	ProbeResults = family("counter", "graygate_probe_results_total",
		"Probes of endpoints that are over, by result.", "upstream", "endpoint", "result")
	Events = family("counter", "graygate_events_total",
		"Changes of state, by kind.", "kind")
	ConfigGeneration = family("gauge", "graygate_config_generation",
		"Number of the snapshot in force; 1 is that of the start.")
	Reloads = family("counter", "graygate_config_reloads_total",
		"Reloads that are over, by result: ok or failed.", "result")
	LastReloadSuccessful = family("gauge", "graygate_config_last_reload_successful",
		"1 if the last reload went well, or there was none.")
	LastReloadTime = family("gauge", "graygate_config_last_reload_timestamp_seconds",
		"When the last reload ended, or the gateway began, in seconds since 1970.")
	LoopLag = family("gauge", "graygate_loop_lag_seconds",
		"How late the last tick of a loop was: how long a request waits for the loop.", "loop")
	AccessLogDropped = family("counter", "graygate_access_log_dropped_total",
		"Records that the access log lost, as its writer was behind or the file could not be written.")
	Spans = family("counter", "graygate_spans_total",
		"Spans, by what became of them: exported, dropped (the queue was full) or failed (the collector did not take them).", "result")
	Build = family("gauge", "graygate_build_info",
		"1, with what this program was built from.", "version", "goversion")
)
