// Command till buys in a store through its virtual IPs, for ever.
package main

import (
	"fmt"
	"os"

	"github.com/storeward/storeward/contrib/retail"
)

func main() {
	if err := retail.Run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "till:", err)
		os.Exit(1)
	}
}
