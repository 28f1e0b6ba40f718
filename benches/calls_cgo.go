// The same loop in Go, through cgo: calls_cgo WHAT COUNT.
package main

// #include "calls/ffi/src/calls.h"
// #include "calls/ffi/src/calls.c"
import "C"

import (
	"fmt"
	"os"
	"strconv"
)

func main() {
	count, _ := strconv.Atoi(os.Args[2])
	var x C.int64_t
	for i := 0; i < count; i++ {
		x = C.bench_add(x, C.int64_t(i))
	}
	fmt.Println(int64(x))
}
