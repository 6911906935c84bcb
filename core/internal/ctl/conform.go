package ctl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/storeward/storeward/core/internal/host"
	"github.com/storeward/storeward/core/sdk/conform"
)

// atOnce is how many calls of each kind a plugin must bear at once.
const atOnce = 16

// examineBound bounds each examination, of many calls at once too: what one takes is no
// other's loss.
const examineBound = 10 * time.Second

// slack is how much later than its deadline a call may return on a busy machine.
const slack = 500 * time.Millisecond

// finding is the outcome of one examination.
type finding struct {
	What  string `json:"what"`
	Wrong string `json:"wrong,omitempty"` // empty: it is as it should be
}

// examiner puts one plugin to the test in a process of its own.
type examiner struct {
	host    *host.Host
	plugin  string
	section []byte // with which it must work; nil: none was given
	about   *pluginReport
}

// examine asks everything that changes nothing. What depends on an answer that was not
// given is left out.
func (e *examiner) examine(ctx context.Context) {
	if !e.judge("says who it is", inTime(ctx, e.describe)) {
		return
	}
	for _, bad := range conform.BadSections(string(e.section)) {
		e.judge("refuses "+bad.Name, inTime(ctx, func(ctx context.Context) error {
			_, err := e.host.Check(ctx, e.plugin, []byte(bad.Text))
			return conform.Refusal(err)
		}))
	}
	if e.section != nil {
		e.work(ctx)
	}
	for _, p := range e.host.Plugins() {
		if p.LastErr != nil || p.Restarts > 0 {
			e.judge("runs on", fmt.Errorf("its process was restarted %d times: %w", p.Restarts, p.LastErr))
		}
	}
}

func (e *examiner) judge(what string, err error) bool {
	f := finding{What: what}
	if err != nil {
		f.Wrong = strings.Join(strings.Fields(err.Error()), " ") // one line each
	}
	e.about.Findings = append(e.about.Findings, f)
	return err == nil
}

func (e *examiner) describe(ctx context.Context) error {
	d, err := e.host.Describe(ctx, e.plugin)
	if err != nil {
		return err
	}
	e.about.Name, e.about.Version, e.about.Summary = d.Name, d.Version, d.Summary
	return conform.Description(d.Name, d.Version, d.Summary)
}

// work opens an instance with the section, asks it by every role, and closes it.
func (e *examiner) work(ctx context.Context) {
	if !e.judge("accepts the section", inTime(ctx, func(ctx context.Context) error {
		_, err := e.host.Check(ctx, e.plugin, e.section)
		return err
	})) {
		return
	}
	var in *host.Instance
	if !e.judge("opens an instance", inTime(ctx, func(ctx context.Context) (err error) {
		in, err = e.host.Open(ctx, e.plugin, "under-test", e.section, host.Env{Node: "alpha", Peer: "beta"})
		return err
	})) {
		if in != nil {
			_ = in.Close()
		}
		return
	}
	if e.about.Roles = in.Roles().String(); e.about.Roles == "" {
		e.judge("offers a role", errors.New("it offers none: nothing can be done with it"))
	}
	e.ask(ctx, conform.Calls(in))
	e.judge("closes the instance", in.Close())
}

// ask puts each question alone, and then many times at once.
func (e *examiner) ask(ctx context.Context, calls []conform.Call) {
	for _, call := range calls {
		e.judge(call.Name, inTime(ctx, call.Ask))
		e.judge(fmt.Sprintf("%s, %d at once", call.Name, atOnce), together(ctx, call.Ask))
	}
}

// inTime has a call return by its deadline.
func inTime(ctx context.Context, ask func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, examineBound)
	defer cancel()
	began := time.Now()
	err := ask(ctx)
	if took := time.Since(began); took > examineBound+slack {
		return fmt.Errorf("it took %s, and had %s", took.Round(time.Millisecond), examineBound)
	}
	return err
}

func together(ctx context.Context, ask func(context.Context) error) error {
	var all sync.WaitGroup
	wrong := make(chan error, atOnce)
	for range atOnce {
		all.Go(func() {
			if err := inTime(ctx, ask); err != nil {
				wrong <- err
			}
		})
	}
	all.Wait()
	close(wrong)
	return <-wrong // nil when all went well
}

// pluginReport is what a check found.
type pluginReport struct {
	Binary   string    `json:"binary"`
	Name     string    `json:"name"`
	Version  string    `json:"version"`
	Summary  string    `json:"summary"`
	Roles    string    `json:"roles,omitempty"`
	Good     bool      `json:"good"`
	Findings []finding `json:"findings"`
	// Allow is the allow file of a plugin that passed; AllowFile is where it belongs, Install
	// the command that puts the executable where it has to be, empty: it is there.
	Allow     string `json:"allow,omitempty"`
	AllowFile string `json:"allowFile,omitempty"`
	Install   string `json:"install,omitempty"`
}

func (r *pluginReport) failed() (n int) {
	for _, v := range r.Findings {
		if v.Wrong != "" {
			n++
		}
	}
	return n
}

func (r *pluginReport) print(w io.Writer) {
	if r.Name != "" {
		line(w, "%s %s: %s", r.Name, r.Version, r.Summary)
	}
	if r.Roles != "" {
		line(w, "Roles: %s.", r.Roles)
	}
	for _, v := range r.Findings {
		if v.Wrong == "" {
			line(w, "  good    %s", v.What)
		} else {
			line(w, "  WRONG   %s: %s", v.What, v.Wrong)
		}
	}
	if !r.Good {
		return
	}
	if r.Roles == "" {
		line(w, "It was not opened: give --with and a file with a section that works here.")
	}
	line(w, "")
	if r.Install != "" {
		line(w, "Install it where root alone may write:")
		line(w, "")
		line(w, "    %s", r.Install)
		line(w, "")
	}
	line(w, "To allow it on this node, write %s, as root and with mode 644:", r.AllowFile)
	line(w, "")
	_, _ = io.WriteString(w, r.Allow)
}
