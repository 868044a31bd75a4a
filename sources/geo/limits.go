package geo

// The bounds of this package, each with its reason.
const (
	// MaxFiles bounds the files of a reader, and so the work for an address that is not cached. Vendors part their data in
	// three or four.
	MaxFiles = 16

	// MaxFileBytes bounds a file, which is read into memory. The largest that are sold have some hundred MiB.
	MaxFileBytes = 2 << 30

	// maxCached is how many addresses are kept: the ones of some minutes of a busy instance, in about 20 MiB. With each one
	// as dear as the next, a scan of many addresses does not drive out those that come again.
	maxCached = 1 << 16
)
