package main

import (
	"fmt"
	"os"
	"strconv"
)

type node struct{ left, right *node }

func tree(depth int) *node {
	if depth == 0 {
		return &node{}
	}
	return &node{tree(depth - 1), tree(depth - 1)}
}

func (n *node) count() int {
	if n.left == nil {
		return 1
	}
	return 1 + n.left.count() + n.right.count()
}

func main() {
	depth := 20
	if len(os.Args) > 1 {
		depth, _ = strconv.Atoi(os.Args[1])
	}
	fmt.Println("stretch", tree(depth+1).count())
	kept := tree(depth)
	for small := 4; small <= depth; small += 2 {
		rounds, total := 1<<(depth-small+4), 0
		for i := 0; i < rounds; i++ {
			total += tree(small).count()
		}
		fmt.Printf("%d trees of depth %d: %d\n", rounds, small, total)
	}
	fmt.Println("kept", kept.count())
}
