package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/usher-id/usher/internal/manage"
)

// operationKey is the annotation that names the operations of a command, by which a test holds the command line against
// the admin pages and the admin API.
const operationKey = "operation"

// does says which operations a command does.
func does(cmd *cobra.Command, operations ...manage.Operation) *cobra.Command {
	names := make([]string, len(operations))
	for i, op := range operations {
		names[i] = string(op)
	}
	cmd.Annotations = map[string]string{operationKey: strings.Join(names, ",")}
	return cmd
}
