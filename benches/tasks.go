// Goroutines and channels, called as: tasks WHAT COUNT. See tasks.coex.
package main

import (
	"fmt"
	"os"
	"strconv"
	"sync"
)

func ping(count int) int {
	there, back := make(chan int), make(chan int)
	go func() {
		for v := range there {
			back <- v
		}
	}()
	sum := 0
	for i := 0; i < count; i++ {
		there <- i
		sum += <-back
	}
	close(there)
	return sum
}

func buffered(count int) int {
	ch, total := make(chan int, 128), make(chan int)
	go func() {
		sum := 0
		for v := range ch {
			sum += v
		}
		total <- sum
	}()
	for i := 0; i < count; i++ {
		ch <- i
	}
	close(ch)
	return <-total
}

func each(count int) int {
	results := make([]int, count)
	var group sync.WaitGroup
	group.Add(count)
	for i := 0; i < count; i++ {
		go func(i int) {
			results[i] = i ^ 12345
			group.Done()
		}(i)
	}
	group.Wait()
	return results[count-1]
}

func fib(n int) int {
	if n < 2 {
		return n
	}
	results := make([]int, 2)
	var group sync.WaitGroup
	group.Add(2)
	for i := range results {
		go func(i int) {
			results[i] = fib(n - 1 - i)
			group.Done()
		}(i)
	}
	group.Wait()
	return results[0] + results[1]
}

func main() {
	count, _ := strconv.Atoi(os.Args[2])
	switch os.Args[1] {
	case "ping":
		fmt.Println(ping(count))
	case "buffered":
		fmt.Println(buffered(count))
	case "each":
		fmt.Println(each(count))
	case "fib":
		fmt.Println(fib(count))
	}
}
