package config

import (
	"net/netip"
	"time"

	"github.com/goccy/go-yaml/ast"

	"graygate/match"
)

// File is a config as it was written: only what is there, each value with its place. Words and units are
// already understood; names, ranges and what belongs together are not checked yet.
type File struct {
	Listeners      Field[[]FileListener]
	Admin          Field[FileAdmin]
	Loops          Field[int] // 0 is auto
	AccessLog      Field[FileAccessLog]
	Tracing        Field[FileTracing]
	Limits         Field[FileLimits]
	Timeouts       Field[FileTimeouts]
	DrainTimeout   Field[time.Duration]
	PIDFile        Field[string] // "" is off
	Zone           Field[string] // "" is off
	Overload       Field[FileOverload]
	Metrics        Field[bool]
	TrustedProxies Field[[]Field[netip.Prefix]]
	Attributes     Field[[]FileAttribute]
	Upstreams      Field[[]FileUpstream]
	Routes         Field[[]FileRoute]

	Geo           Field[FileGeo]
	Audiences     Field[[]FileAudience]
	Layers        Field[[]FileLayer]
	Holdouts      Field[[]FileHoldout]
	MetadataTypes Field[[]FileMetadataType]
	Experiments   Field[[]FileExperiment]
	Assignments   Field[FileAssignments]
}

// Pos is a place in the text: line and column from 1, the column in characters.
type Pos struct{ Line, Col int }

// Field is one value and where it stands.
type Field[T any] struct {
	Value T
	At    Pos  // of the value
	Set   bool // it was written and could be understood
	Bad   bool // it was written and could not be; that has been told already
	node  ast.Node
}

// written reports whether the key was there at all.
func (f Field[T]) written() bool { return f.Set || f.Bad }

// or is the value, or def if it was left out.
func (f Field[T]) or(def T) T {
	if f.Set {
		return f.Value
	}
	return def
}

// FileListener is an entry of listeners.
type FileListener struct {
	At             Pos
	Address        Field[string]
	MaxConnections Field[int] // 0 is auto
}

// FileLimits is limits.
type FileLimits struct {
	HeadSize, BodySize Field[int64] // BodySize -1 is off
	HeadCount          Field[int]
}

// FileTimeouts is timeouts.
type FileTimeouts struct {
	Head, Idle, Connect, ResponseHead, Body, UpstreamIdle, Tunnel Field[time.Duration]
}

// FileAttribute is an entry of attributes.
type FileAttribute struct {
	Name Field[string]
	From Field[[]Field[match.Source]]
	Type Field[match.Type]

	Capture Field[string]
	Lower   Field[bool]
	Default Field[string]
	Issue   Field[FileIssue]
}

// FileRoute is an entry of routes.
type FileRoute struct {
	At                                     Pos
	Name, Tenant, Host, Path, Stable, Gray Field[string]
	Rules                                  Field[[]FileRule]
	Fallback                               Field[Fallback]
	RateLimit                              Field[FileRateLimit]
	Concurrency                            Field[FileConcurrency]
}

// FileRule is an entry of rules.
type FileRule struct {
	At                       Pos
	Name, When, By, Salt, To Field[string]
	Percent                  Field[uint32] // parts per million
}
