// The peer of data.coex, with encoding/json into maps and slices.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
)

func main() {
	text, err := os.ReadFile(os.Args[2])
	if err != nil {
		panic(err)
	}
	var people any
	if err := json.Unmarshal(text, &people); err != nil {
		panic(err)
	}
	if os.Args[1] == "parse" {
		fmt.Println(len(people.([]any)))
		return
	}
	out := bufio.NewWriter(os.Stdout)
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(people); err != nil {
		panic(err)
	}
	out.Flush()
}
