package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
)

// profileVariable names the file of a processor profile to a binary that was built to make one.
const profileVariable = "BENCH_CPU_PROFILE"

// profiler is laid over the sources of cmd/usher when a profile is asked for, so that the program itself has
// no door to profiles: SIGUSR1 begins one, SIGUSR2 writes it.
const profiler = `package main

import (
	"os"
	"os/signal"
	"runtime/pprof"
	"syscall"
)

func init() {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGUSR1, syscall.SIGUSR2)
	go func() {
		var file *os.File
		for s := range signals {
			if s == syscall.SIGUSR1 {
				file, _ = os.Create(os.Getenv("` + profileVariable + `"))
				pprof.StartCPUProfile(file)
				continue
			}
			pprof.StopCPUProfile()
			file.Close()
		}
	}()
}
`

// overlay writes the profiler into the folder and returns the build flag that adds it to cmd/usher.
func overlay(folder, module string) (string, error) {
	source := filepath.Join(folder, "profiler.go.txt")
	if err := os.WriteFile(source, []byte(profiler), 0o600); err != nil {
		return "", err
	}
	added := filepath.Join(module, "cmd", "usher", "bench_profiler.go")
	text, err := json.Marshal(map[string]map[string]string{"Replace": {added: source}})
	if err != nil {
		return "", err
	}
	file := filepath.Join(folder, "overlay.json")
	return "-overlay=" + file, os.WriteFile(file, text, 0o600)
}

// profileName is the file of one measurement's profile.
func profileName(folder, database, work string) string {
	return filepath.Join(folder, strings.ReplaceAll(work+"-"+database, " ", "-")+".pprof")
}
