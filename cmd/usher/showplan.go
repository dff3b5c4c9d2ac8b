package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/usher-id/usher/internal/manage"
)

// planSigns begin the lines of a plan.
var planSigns = map[string]string{manage.PlanCreate: "+", manage.PlanChange: "~", manage.PlanRemove: "-"}

// showPlan prints what would change, and beside it what there is to know.
func showPlan(out, beside io.Writer, plan *manage.Plan) error {
	var b strings.Builder
	for _, c := range plan.Changes {
		fmt.Fprintf(&b, "%s %s\n", planSigns[c.Action], strings.TrimSpace(c.Kind+" "+printable(c.Subject)))
		if c.Action != manage.PlanRemove {
			for _, d := range c.Differences {
				showDifference(&b, d)
			}
		}
	}
	if _, err := io.WriteString(out, b.String()); err != nil {
		return err
	}
	for _, text := range plan.Notes {
		fmt.Fprintln(beside, "note: "+printable(text))
	}
	for _, text := range plan.Warnings {
		fmt.Fprintln(beside, "warning: "+printable(text))
	}
	return nil
}

// showDifference prints one field; of a list that changed, the entries that come and go.
func showDifference(b *strings.Builder, d manage.Difference) {
	var was, is []json.RawMessage
	lists := json.Unmarshal(d.Before, &was) == nil && json.Unmarshal(d.After, &is) == nil
	switch {
	case lists && len(was) > 0 && len(is) > 0:
		fmt.Fprintf(b, "    %s\n", d.Field)
		listed := showEntries(b, "-", was, is) + showEntries(b, "+", is, was)
		if listed == 0 {
			fmt.Fprintf(b, "      in another order: %s\n", printable(string(d.After)))
		}
	case len(d.Before) == 0:
		fmt.Fprintf(b, "    %s: %s\n", d.Field, printable(string(d.After)))
	case len(d.After) == 0:
		fmt.Fprintf(b, "    %s: %s -> (default)\n", d.Field, printable(string(d.Before)))
	default:
		fmt.Fprintf(b, "    %s: %s -> %s\n", d.Field, printable(string(d.Before)), printable(string(d.After)))
	}
}

// showEntries prints those of a list that another does not have, and counts them.
func showEntries(b *strings.Builder, sign string, list, other []json.RawMessage) int {
	n := 0
	for _, entry := range list {
		if !slices.ContainsFunc(other, func(o json.RawMessage) bool { return string(o) == string(entry) }) {
			fmt.Fprintf(b, "      %s %s\n", sign, printable(string(entry)))
			n++
		}
	}
	return n
}
