// Package sdkpb is the generated code of the wire between core and plugins; see
// sdk.proto. It holds no behaviour: sdk serves it, sdk/remote calls it.
package sdkpb

//go:generate protoc --go_out=. --go_opt=paths=source_relative --go-grpc_out=. --go-grpc_opt=paths=source_relative sdk.proto
