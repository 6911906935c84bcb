// Package peerpb is the generated code of the channel between a store's two
// nodes; see peer.proto. It holds no behaviour: package peer does.
package peerpb

//go:generate protoc --proto_path=../../../.. --go_out=../../../.. --go_opt=paths=source_relative --go-grpc_out=../../../.. --go-grpc_opt=paths=source_relative core/internal/peer/peerpb/peer.proto
