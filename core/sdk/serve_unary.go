package sdk

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/sirupsen/logrus"

	"github.com/storeward/storeward/core/sdk/sdkpb"
)

// Info tells which plugin this is.
func (s *service) Info(context.Context, *sdkpb.InfoRequest) (*sdkpb.InfoReply, error) {
	return &sdkpb.InfoReply{
		Name: s.plugin.Name, Version: s.plugin.Version, Summary: s.plugin.Summary, Secrets: s.plugin.secrets(),
	}, nil
}

// Ping proves that the process runs.
func (s *service) Ping(context.Context, *sdkpb.PingRequest) (*sdkpb.PingReply, error) {
	return &sdkpb.PingReply{Taken: int64(Monotonic())}, nil
}

// Check decodes and validates a configuration, and tells what it would offer.
func (s *service) Check(_ context.Context, r *sdkpb.CheckRequest) (*sdkpb.CheckReply, error) {
	config, err := s.configure(r.GetYaml())
	if err != nil {
		return &sdkpb.CheckReply{Faults: faultsOut(err)}, nil
	}
	reply := &sdkpb.CheckReply{}
	if promotable, is := config.(Promotable); is {
		reply.Promoter = promotable.Promotable()
	}
	if targeted, is := config.(Targeted); is {
		reply.Targets = targeted.Targets()
	}
	return reply, nil
}

func (s *service) configure(yaml []byte) (config any, err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = s.panicked("configuration", fault)
		}
	}()
	return s.plugin.Configure(yaml)
}

// Open makes an instance.
func (s *service) Open(ctx context.Context, r *sdkpb.OpenRequest) (*sdkpb.OpenReply, error) {
	config, err := s.configure(r.GetYaml())
	if err != nil {
		return &sdkpb.OpenReply{Faults: faultsOut(err)}, nil
	}
	if err := s.free(r.GetInstance()); err != nil {
		return &sdkpb.OpenReply{Error: errText(err)}, nil
	}
	instance, err := s.make(ctx, r, config)
	if err != nil {
		return &sdkpb.OpenReply{Error: errText(err)}, nil
	}
	sv := newServed(r.GetInstance(), instance)
	s.mu.Lock()
	s.last++
	handle := s.last
	s.served[handle] = sv
	s.mu.Unlock()
	if ctx.Err() != nil { // the caller has gone and will not know the handle
		s.remove(handle)
		return nil, errors.Join(ctx.Err(), sv.close(closePatience))
	}
	return &sdkpb.OpenReply{Handle: handle, Roles: rolesOut(sv.roles)}, nil
}

func (s *service) free(name string) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, sv := range s.served {
		if sv.name == name {
			return fmt.Errorf("%s is open already", name)
		}
	}
	return nil
}

func (s *service) make(ctx context.Context, r *sdkpb.OpenRequest, config any) (instance Instance, err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = s.panicked(r.GetInstance(), fault)
		}
	}()
	if dir := r.GetStateDir(); dir != "" {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("make state directory: %w", err)
		}
	}
	instance, err = s.plugin.New(ctx, Env{
		Instance: r.GetInstance(), Node: r.GetNode(), Peer: r.GetPeer(), StateDir: r.GetStateDir(),
		Log: s.log.WithFields(logrus.Fields{"plugin": s.plugin.Name, "instance": r.GetInstance()}),
	}, config)
	if err == nil && instance == nil {
		err = errors.New("the plugin made no instance")
	}
	return instance, err
}

func (s *service) remove(handle uint64) *served {
	s.mu.Lock()
	defer s.mu.Unlock()
	sv := s.served[handle]
	delete(s.served, handle)
	return sv
}

// Close ends an instance.
func (s *service) Close(_ context.Context, r *sdkpb.CloseRequest) (*sdkpb.CloseReply, error) {
	sv := s.remove(r.GetHandle())
	if sv == nil {
		return &sdkpb.CloseReply{}, nil
	}
	return &sdkpb.CloseReply{Error: errText(sv.close(closePatience))}, nil
}
