// Package priority tells the kernel which threads are to run first: those of event loops run as soon as they wake up, and long
// work gives way to them.
package priority
