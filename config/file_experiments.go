package config

import (
	"time"

	"graygate/match"
)

// FileGeo is geo.
type FileGeo struct {
	Files    Field[[]Field[string]]
	Language Field[string]
}

// FileAudience is an entry of audiences.
type FileAudience struct {
	Name, File, Redis, Key Field[string]

	Refresh     Field[time.Duration]
	Approximate Field[bool]
	MaxMembers  Field[int]
}

// FileLayer is an entry of layers.
type FileLayer struct{ Name, By, Salt, Holdout Field[string] }

// FileHoldout is an entry of holdouts.
type FileHoldout struct {
	Name, By, Salt Field[string]
	Percent        Field[uint32] // parts per million
}

// FileMetadataType is an entry of metadata_types.
type FileMetadataType struct {
	Name   Field[string]
	Schema Field[any]
	File   Field[string]
}

// FileExperiment is an entry of experiments. Its key is taken apart: tenant is "*" for every tenant, name is "*" for
// every experiment of the tenant.
type FileExperiment struct {
	Key          Field[string]
	Tenant, Name string // "" if the key is wrong
	Bad          bool   // not all of its keys could be read

	Layer, Salt, Owner, When Field[string]

	Slots          Field[[]Field[match.SlotRange]]
	State          Field[ExperimentState]
	Start, End     Field[time.Time]
	Routes         Field[[]Field[string]] // without entries: all
	DependsOn      Field[[]Field[string]]
	Excludes       Field[[]Field[string]]
	Holdout        Field[FileHoldoutUse]
	ExcludeExposed Field[[]FileExposure]
	Metadata       Field[FileMetadata]
	Variants       Field[[]FileVariant]
}

// FileHoldoutUse is the holdout of an experiment: a name, a share of its own, or neither for off.
type FileHoldoutUse struct {
	Name string
	PPM  uint32
}

// FileExposure is an entry of exclude_exposed.
type FileExposure struct {
	At              Pos
	Layer, By, Salt Field[string]
	Slots           Field[[]Field[match.SlotRange]]
}

// FileMetadata is the metadata of an experiment, its type apart from the rest.
type FileMetadata struct {
	Type   Field[string]
	Values map[string]any
}

// FileVariant is an entry of variants.
type FileVariant struct {
	Name    Field[string]
	Weight  Field[uint32]
	Headers Field[[]FileHeader]
	To      Field[string]
	Force   Field[[]Field[string]]
}

// FileHeader is an entry of headers.
type FileHeader struct{ Name, Value Field[string] }

// FileIssue is issue.
type FileIssue struct {
	On           bool
	MaxAge       Field[time.Duration]
	Secure       Field[bool]
	FirstRequest Field[FirstRequest]
	KeyFile      Field[string] // "" is off
}

// FileAssignments is assignments.
type FileAssignments struct {
	Cookie, OverrideKeyFile Field[string] // "" is off
}
