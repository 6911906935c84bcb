// Command lab builds stores out of network namespaces and acts on them. It also
// runs the demo, which is a lab with the whole product in it.
package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/storeward/storeward/contrib/retail"
	"github.com/storeward/storeward/tests/lab"
)

func main() {
	if code, ok := lab.RunHelper(); ok {
		os.Exit(code)
	}
	act := run
	if len(os.Args) > 1 && os.Args[1] == tillWord {
		act = func(arguments []string) error { return retail.Run(arguments[1:], os.Stdout) }
	}
	if err := act(os.Args[1:]); err != nil {
		var ended exited
		if errors.As(err, &ended) { // of a command inside a node, which said why itself
			os.Exit(int(ended))
		}
		fmt.Fprintln(os.Stderr, "lab:", err)
		os.Exit(1)
	}
}
