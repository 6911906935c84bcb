package sdk

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"github.com/sirupsen/logrus"
	"google.golang.org/grpc"

	"github.com/storeward/storeward/core/sdk/sdkpb"
)

// Server serves one plugin's instances over gRPC. Main uses it in a plugin's
// process, sdktest in the test's own.
type Server struct {
	service *service
}

// NewServer makes a server of p. Close ends all its instances.
func NewServer(p Plugin, log logrus.FieldLogger) *Server {
	return &Server{&service{plugin: p, log: log, served: map[uint64]*served{}}}
}

// Register adds the server's service to a gRPC server.
func (s *Server) Register(registrar grpc.ServiceRegistrar) {
	sdkpb.RegisterPluginServer(registrar, s.service)
}

// Close closes every instance. The gRPC server should be stopped before.
func (s *Server) Close() error { return s.service.closeAll() }

// service is what answers on the wire.
type service struct {
	sdkpb.UnimplementedPluginServer

	plugin Plugin
	log    logrus.FieldLogger

	mu     sync.RWMutex
	last   uint64
	served map[uint64]*served
}

func (s *service) closeAll() error {
	s.mu.Lock()
	all := s.served
	s.served = map[uint64]*served{}
	s.mu.Unlock()
	var faults []error
	for _, one := range all {
		faults = append(faults, one.close(closePatience))
	}
	return errors.Join(faults...)
}

// closePatience bounds the wait for calls that are still running at Close.
const closePatience = 2 * time.Second

// callsPerInstance bounds calls that have not returned. An instance that ignores
// the end of its contexts would otherwise pile up goroutines for ever.
const callsPerInstance = 128

// served is one open instance and what is running in it.
type served struct {
	name     string
	instance Instance
	roles    Roles
	life     context.Context // ends when Close begins
	end      context.CancelFunc

	mu      sync.Mutex
	calls   int
	actions map[*action]none
	closing bool
	idle    chan struct{} // closed when closing and the last call has returned
}

func newServed(name string, instance Instance) *served {
	life, end := context.WithCancel(context.Background())
	return &served{
		name: name, instance: instance, roles: RolesOf(instance), actions: map[*action]none{},
		life: life, end: end, idle: make(chan struct{}),
	}
}

func (sv *served) enter() error {
	sv.mu.Lock()
	defer sv.mu.Unlock()
	if sv.closing {
		return fmt.Errorf("%s is closed", sv.name)
	}
	if sv.calls >= callsPerInstance {
		return fmt.Errorf("%d calls to %s have not returned", sv.calls, sv.name)
	}
	sv.calls++
	return nil
}

func (sv *served) leave() {
	sv.mu.Lock()
	defer sv.mu.Unlock()
	sv.calls--
	if sv.closing && sv.calls == 0 {
		close(sv.idle)
	}
}

// action is what changes a resource and has not returned.
type action struct {
	what string
	ctx  context.Context //nolint:containedctx // it tells whether the caller still waits
}

// begin notes an action; done must follow when it has returned.
func (sv *served) begin(ctx context.Context, what string) (done func(), err error) {
	if err := sv.overdue(); err != nil {
		return nil, err
	}
	one := &action{what, ctx}
	sv.mu.Lock()
	defer sv.mu.Unlock()
	sv.actions[one] = none{}
	return func() {
		sv.mu.Lock()
		defer sv.mu.Unlock()
		delete(sv.actions, one)
	}, nil
}

// overdue names an action whose caller has given up and which may still take effect.
func (sv *served) overdue() error {
	sv.mu.Lock()
	defer sv.mu.Unlock()
	for one := range sv.actions {
		if one.ctx.Err() != nil {
			return fmt.Errorf("%s: an earlier %s has not returned", sv.name, one.what)
		}
	}
	return nil
}

// close ends the instance after its last call has returned. An instance whose
// calls do not return within patience is left open: closing it under a running
// call could crash the process.
func (sv *served) close(patience time.Duration) error {
	sv.mu.Lock()
	if sv.closing {
		sv.mu.Unlock()
		return nil
	}
	sv.closing = true
	if sv.calls == 0 {
		close(sv.idle)
	}
	sv.mu.Unlock()
	sv.end()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-sv.idle:
	case <-timer.C:
		return fmt.Errorf("close %s: a call has not returned", sv.name)
	}
	if err := sv.instance.Close(); err != nil {
		return fmt.Errorf("close %s: %w", sv.name, err)
	}
	return nil
}

func (s *service) find(handle uint64) (*served, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	sv, ok := s.served[handle]
	if !ok {
		return nil, fmt.Errorf("no instance has the handle %d", handle)
	}
	return sv, nil
}

type answer[T any] struct {
	value T
	err   error
}

// call runs one call of the role R and answers when ctx ends at the latest, even
// if the instance ignores ctx. A panic becomes an error: one instance must not
// end the others of its process.
func call[R, T any](ctx context.Context, s *service, handle uint64, f func(context.Context, R) (T, error)) (T, error) {
	var zero T
	sv, err := s.find(handle)
	if err != nil {
		return zero, err
	}
	role, ok := sv.instance.(R)
	if !ok {
		return zero, fmt.Errorf("%s does not offer this role", sv.name)
	}
	if err := sv.enter(); err != nil {
		return zero, err
	}
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(sv.life, cancel)
	done := make(chan answer[T], 1)
	go func() {
		defer sv.leave()
		defer cancel()
		defer stop()
		defer func() {
			if fault := recover(); fault != nil {
				done <- answer[T]{err: s.panicked(sv.name, fault)}
			}
		}()
		value, err := f(ctx, role)
		done <- answer[T]{value, err}
	}()
	select {
	case got := <-done:
		return got.value, got.err
	case <-ctx.Done():
	}
	select { // the answer may have come with the end of ctx
	case got := <-done:
		return got.value, got.err
	default:
		return zero, fmt.Errorf("%s has not answered: %w", sv.name, context.Cause(ctx))
	}
}

func (s *service) panicked(name string, fault any) error {
	s.log.WithFields(logrus.Fields{
		"plugin": s.plugin.Name, "instance": name, "error": fmt.Sprint(fault), "stack": string(debug.Stack()),
	}).Error("call panicked")
	return fmt.Errorf("%s panicked: %v", name, fault)
}
