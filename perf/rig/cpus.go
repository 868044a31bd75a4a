package rig

import (
	"fmt"
	"syscall"
	"unsafe"
)

// maxCPUs bounds the affinity mask; the kernel's own bound on common builds is 8192, no machine this
// is meant for has more than 1024.
const maxCPUs = 1024

type cpuMask [maxCPUs / 64]uint64

// CPUs says which cores do what. On a machine with one core all three lists are the same.
type CPUs struct {
	All   []int // what this process may use
	Proxy []int // the core of the proxy that is measured: the first one
	Load  []int // the backend's and the load generator's: all the others
}

// ReadCPUs shares out the cores that this process is allowed to use (sched_getaffinity(2)).
func ReadCPUs() (CPUs, error) {
	var mask cpuMask
	_, _, errno := syscall.RawSyscall(syscall.SYS_SCHED_GETAFFINITY, 0, unsafe.Sizeof(mask), uintptr(unsafe.Pointer(&mask)))
	if errno != 0 {
		return CPUs{}, fmt.Errorf("sched_getaffinity: %w", errno)
	}
	var all []int
	for cpu := range maxCPUs {
		if mask[cpu/64]&(1<<(cpu%64)) != 0 {
			all = append(all, cpu)
		}
	}
	return shareOut(all), nil
}

func shareOut(all []int) CPUs {
	if len(all) < 2 {
		return CPUs{All: all, Proxy: all, Load: all}
	}
	return CPUs{All: all, Proxy: all[:1], Load: all[1:]}
}

// pinThread lets the calling thread run on these cores only (sched_setaffinity(2)). What it starts inherits that,
// from its first instruction on, so that a Go program counts its cores right. The caller holds the thread.
func pinThread(cpus []int) error {
	var mask cpuMask
	for _, cpu := range cpus {
		mask[cpu/64] |= 1 << (cpu % 64)
	}
	_, _, errno := syscall.RawSyscall(syscall.SYS_SCHED_SETAFFINITY, 0, unsafe.Sizeof(mask), uintptr(unsafe.Pointer(&mask)))
	if errno != 0 {
		return fmt.Errorf("sched_setaffinity to %v: %w", cpus, errno)
	}
	return nil
}
