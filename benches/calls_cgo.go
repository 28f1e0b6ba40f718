// The same loop in Go, through cgo.
package main

// #include "calls/ffi/src/calls.h"
// #include "calls/ffi/src/calls.c"
import "C"

import (
	"fmt"
	"time"
)

func main() {
	count := 10000000
	var x C.int64_t
	start := time.Now()
	for i := 0; i < count; i++ {
		x = C.bench_add(x, C.int64_t(i))
	}
	fmt.Printf("add %f\nsum %d\n", float64(time.Since(start).Nanoseconds())/float64(count), int64(x))
}
