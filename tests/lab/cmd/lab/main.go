// Command lab builds stores out of network namespaces and acts on them.
package main

import (
	"fmt"
	"os"

	"github.com/storeward/storeward/tests/lab"
)

func main() {
	if code, ok := lab.RunHelper(); ok {
		os.Exit(code)
	}
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "lab:", err)
		os.Exit(1)
	}
}
