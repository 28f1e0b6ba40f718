// What Go programs do for a deadline: worlds_timer within COUNT.
package main

import (
	"fmt"
	"os"
	"strconv"
	"time"
)

//go:noinline
func add(a, b int) int { return a + b }

func main() {
	count, _ := strconv.Atoi(os.Args[2])
	x := 0
	for i := 0; i < count; i++ {
		result := make(chan int, 1)
		go func() { result <- add(x, i) }()
		timer := time.NewTimer(time.Second)
		select {
		case x = <-result:
		case <-timer.C:
		}
		timer.Stop()
	}
	fmt.Println(x)
}
