package daemon

import (
	"os"
	"strconv"
	"sync"

	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"
)

// watch waits for a process's end: it reaps one that this process started, at
// once, and says so. Of an adopted one, which pid 1 reaps, it says so only.
type watch struct {
	process Process
	file    *os.File
	done    sync.WaitGroup
}

func (d *Daemon) watchOver(p Process) {
	if d.watch != nil && d.watch.process == p {
		return
	}
	d.unwatch()
	fd, err := unix.PidfdOpen(p.PID, unix.PIDFD_NONBLOCK)
	if err != nil {
		return // it is gone already, or will be reaped with the plugin
	}
	w := &watch{process: p, file: os.NewFile(uintptr(fd), "process")}
	d.watch = w
	w.done.Go(func() { w.wait(d.log) })
}

func (d *Daemon) unwatch() {
	if d.watch == nil {
		return
	}
	_ = d.watch.file.Close()
	d.watch.done.Wait()
	d.watch = nil
}

// wait returns when the process ended or the file was closed.
func (w *watch) wait(log logrus.FieldLogger) {
	raw, err := w.file.SyscallConn()
	if err != nil {
		return
	}
	log = log.WithField("pid", w.process.PID)
	// A process that ended while the file was being closed is reaped all the same.
	defer func() { _, _ = unix.Wait4(w.process.PID, nil, unix.WNOHANG, nil) }()
	_ = raw.Read(func(fd uintptr) bool {
		var status unix.WaitStatus
		pid, err := unix.Wait4(w.process.PID, &status, unix.WNOHANG, nil)
		switch {
		case err == nil && pid == 0: // it runs
			return false
		case err == nil:
			log.WithField("status", describe(status)).Info("process ended")
			return true
		case !ended(int(fd)): // not a child of ours
			return false
		}
		log.Info("process ended")
		return true
	})
}

func ended(fd int) bool {
	poll := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	n, err := unix.Poll(poll, 0)
	return err == nil && n > 0
}

func describe(status unix.WaitStatus) string {
	if status.Signaled() {
		return "killed by " + unix.SignalName(status.Signal())
	}
	return "exit status " + strconv.Itoa(status.ExitStatus())
}
