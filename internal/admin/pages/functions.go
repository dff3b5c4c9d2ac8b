package pages

import (
	"fmt"
	"html/template"
	"strings"
	"time"

	"github.com/usher-id/usher/internal/oauth"
)

// functions are what templates may call.
var functions = template.FuncMap{
	"asset":      assetPath,
	"when":       when,
	"exactly":    exactly,
	"seconds":    seconds,
	"label":      label,
	"actor":      actor,
	"code":       code,
	"wrapped":    wrapped,
	"diffLines":  diffLines,
	"join":       func(list []string) string { return strings.Join(list, ", ") },
	"idText":     func(id oauth.ID) string { return id.String() },
	"clientPath": clientPath,
	"framework":  frameworkName,
}

// when shows a time: UTC, and by script how long ago that is.
func when(t time.Time) template.HTML {
	if t.IsZero() {
		return `<span class="soft">never</span>`
	}
	t = t.UTC()
	// Both forms are digits and letters of ours.
	return template.HTML(fmt.Sprintf(`<time datetime="%s">%s</time>`, t.Format(time.RFC3339), t.Format("2006-01-02 15:04:05 UTC")))
}

// exactly shows a time that stays as it is, for sentences that say until when.
func exactly(t time.Time) template.HTML {
	t = t.UTC()
	return template.HTML(fmt.Sprintf(`<time datetime="%s" data-exact>%s</time>`, t.Format(time.RFC3339), t.Format("2006-01-02 15:04:05 UTC")))
}

// seconds reads a duration as people do: 604800 is "7 days".
func seconds(n int) string {
	if n == 0 {
		return "0 seconds"
	}
	var parts []string
	for _, unit := range []struct {
		size int
		name string
	}{{86400, "day"}, {3600, "hour"}, {60, "minute"}, {1, "second"}} {
		if count := n / unit.size; count > 0 {
			n -= count * unit.size
			parts = append(parts, counted(count, unit.name))
		}
	}
	return strings.Join(parts, " ")
}

// counted says how many: "1 day", "2 days".
func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
