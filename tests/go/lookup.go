// Looks names up as kubelet does and prints one JSON line for each: the addresses in the order
// net.LookupIP returns them, or the error. For tests only.
package main

import (
	"encoding/json"
	"net"
	"os"
)

type answer struct {
	Name      string   `json:"name"`
	Addresses []string `json:"addresses"`
	Error     string   `json:"error"`
}

func main() {
	out := json.NewEncoder(os.Stdout)
	for _, name := range os.Args[1:] {
		found := answer{Name: name, Addresses: []string{}}
		addresses, err := net.LookupIP(name)
		if err != nil {
			found.Error = err.Error()
		}
		for _, address := range addresses {
			found.Addresses = append(found.Addresses, address.String())
		}
		if err := out.Encode(found); err != nil {
			os.Exit(1)
		}
	}
}
