package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/usher-id/usher/internal/release"
)

// version is set by the linker (see the Makefile): the commit that was built, where the build information lacks it.
var version string

// buildVersion is the version and, where it is known, the commit that was built.
func buildVersion() string {
	if commit := buildCommit(); commit != "" {
		return release.Version + "+" + commit
	}
	return release.Version
}

func buildCommit() string {
	if version != "" && version != "unknown" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value[:min(12, len(s.Value))]
		}
	}
	return ""
}

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print which usher this is",
		Example: "  usher version",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "usher %s (%s, %s/%s)\n", buildVersion(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return err
		},
	}
}
