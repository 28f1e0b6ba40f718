// Slices, maps and strings, called as: collections WHAT COUNT. See collections.coex.
package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

func numbers(count int) []int {
	var list []int
	for i := 0; i < count; i++ {
		list = append(list, i)
	}
	return list
}

//go:noinline
func sum(list []int) int {
	total := 0
	for _, v := range list {
		total += v
	}
	return total
}

func sums(count int) int {
	list, total := numbers(1000000), 0
	for round := 0; round < count/1000000; round++ {
		total += sum(list)
	}
	return total
}

func appendAll(count int) int {
	total := 0
	for round := 0; round < count/1000000; round++ {
		total += len(numbers(1000000))
	}
	return total
}

func assign(count int) int {
	list := numbers(1000000)
	for i := 0; i < count; i++ {
		list[i*7919%1000000] = i
	}
	return list[7919]
}

func key(i int) int {
	return i * 7046029254386353131
}

func table(count int) map[int]int {
	m := map[int]int{}
	for i := 0; i < count; i++ {
		m[key(i)] = i
	}
	return m
}

func insert(count, each int) int {
	total := 0
	for round := 0; round < count/each; round++ {
		total += len(table(each))
	}
	return total
}

func lookup(count int) int {
	m, total := table(1000000), 0
	for i := 0; i < count; i++ {
		total += m[key(i*7919%1000000)]
	}
	return total
}

func words(count int) int {
	known := []string{}
	for i := 0; i < 1000; i++ {
		known = append(known, strconv.Itoa(i*7919))
	}
	counts := map[string]int{}
	for i := 0; i < count; i++ {
		counts[known[i*31%1000]]++
	}
	return len(counts)
}

func build(count int) int {
	total := 0
	for round := 0; round < count/1000000; round++ {
		var text strings.Builder
		for i := 0; i < 1000000; i++ {
			text.WriteString("piece ")
		}
		total += len(text.String())
	}
	return total
}

func split(text, separator string, count int) int {
	total := 0
	for round := 0; round < count; round++ {
		total += len(strings.Split(text, separator))
	}
	return total
}

func main() {
	count, _ := strconv.Atoi(os.Args[2])
	line := "the quick brown fox jumps over the lazy dog, and then it sleeps\n"
	switch os.Args[1] {
	case "sum":
		fmt.Println(sums(count))
	case "append":
		fmt.Println(appendAll(count))
	case "assign":
		fmt.Println(assign(count))
	case "insert":
		fmt.Println(insert(count, 1000000))
	case "small":
		fmt.Println(insert(count, 1000))
	case "lookup":
		fmt.Println(lookup(count))
	case "words":
		fmt.Println(words(count))
	case "build":
		fmt.Println(build(count))
	case "lines":
		fmt.Println(split(strings.Repeat(line, 1562500), "\n", count))
	case "fields":
		fmt.Println(split(strings.Repeat("a field,", 12500000), ",", count))
	}
}
