package bench

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/storeward/storeward/tests/lab"
)

const (
	// spinners is how many processes keep the machine's cores busy.
	spinners = 20
	// pressure is how much memory one more process uses, lets go of and uses again,
	// never more than an eighth of what is free.
	pressure = 1 << 30
)

// What a program that uses this package can be started as.
const (
	spinWord  = "bench-spin"
	pressWord = "bench-press"
)

// RunHelper does the work of a process that makes load, if the program was started as one.
func RunHelper() {
	if len(os.Args) < 2 {
		return
	}
	switch os.Args[1] {
	case spinWord:
		spin()
	case pressWord:
		fmt.Fprintln(os.Stderr, "bench-press:", press(os.Args[2:]))
		os.Exit(1)
	}
}

// spin keeps one core busy for ever.
func spin() {
	for x := uint64(1); x != 0; { // an odd number times an odd one is never zero
		x *= 6364136223846793005
	}
}

// press touches every page of so many bytes, gives them back and begins again, for
// ever; the error says why it could not.
func press(arguments []string) error {
	if len(arguments) != 1 {
		return fmt.Errorf("%d arguments, want a number of bytes", len(arguments))
	}
	size, err := strconv.Atoi(arguments[0])
	if err != nil {
		return err
	}
	memory, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		return err
	}
	for {
		for i := 0; i < len(memory); i += os.Getpagesize() {
			memory[i]++
		}
		if err := unix.Madvise(memory, unix.MADV_DONTNEED); err != nil {
			return err
		}
	}
}

// startLoad keeps every core busy and memory moving until stop is called. The
// processes end with the lab, whatever happens to this one.
func startLoad(l *lab.Lab) (stop func(), err error) {
	free, err := freeMemory()
	if err != nil {
		return nil, err
	}
	words := [][]string{{pressWord, strconv.Itoa(min(pressure, free/8))}}
	for range spinners {
		words = append(words, []string{spinWord})
	}
	var all []*exec.Cmd
	stop = func() {
		for _, c := range all {
			_ = c.Process.Kill()
			_ = c.Wait()
		}
	}
	for _, w := range words {
		command := exec.CommandContext(context.Background(), "/proc/self/exe", w...)
		command.Stderr = os.Stderr
		command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		if err := l.HQ.Start(command); err != nil {
			stop()
			return nil, err
		}
		all = append(all, command)
	}
	return stop, nil
}

// freeMemory is what the kernel says is available, in bytes.
func freeMemory() (int, error) {
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) >= 2 && fields[0] == "MemAvailable:" {
			kib, err := strconv.Atoi(fields[1])
			return kib << 10, err
		}
	}
	return 0, fmt.Errorf("read free memory: /proc/meminfo does not tell it")
}
