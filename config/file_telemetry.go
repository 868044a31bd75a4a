package config

import (
	"io/fs"
	"time"
)

// FileAdmin is admin.
type FileAdmin struct {
	Off       bool
	Address   Field[string] // host:port, or unix: and a path
	TokenFile Field[string] // "" is off
	Mode      Field[fs.FileMode]
}

// FileAccessLog is access_log.
type FileAccessLog struct {
	Off    bool
	To     Field[string]
	Format Field[string]
	Fields Field[[]Field[string]]
	Sample Field[Sample]
}

// Sample is which requests are recorded: Word is "all", "errors" or a percentage as printed, Rate the
// same as a number.
type Sample struct {
	Word string
	Rate float64
}

// FileTracing is tracing.
type FileTracing struct {
	Off          bool
	Endpoint     Field[string]
	Sample, Gray Field[uint32] // parts per million; 0 is off
	Errors       Field[bool]
	ServiceName  Field[string]
	Headers      Field[[]FileHeader]
	CAFile       Field[string]
	Timeout      Field[time.Duration]
}
