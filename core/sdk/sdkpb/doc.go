// Package sdkpb is the generated code of the wire between core and plugins; see
// sdk.proto. It holds no behaviour: sdk serves it, sdk/remote calls it.
package sdkpb

//go:generate ./generate.sh
