package pages

import (
	"fmt"
	"strings"
	"time"

	"github.com/usher-id/usher/internal/manage"
)

// plot is a curve that is drawn here, so that it is there without script, with the same numbers as a table.
type plot struct {
	ID, Title string
	Total     int64
	Max       int64
	From, To  time.Time
	// Every says what one point counts: "10 minutes".
	Every string
	// Line and Area are SVG paths in a box of plotWidth x plotHeight.
	Line, Area string
	// Rows are the numbers, in larger steps.
	Rows []plotRow
}

type plotRow struct {
	At    time.Time
	Count int64
}

const (
	plotWidth  = 600
	plotHeight = 120
	plotPoints = 200 // more are drawn together
)

// span is a time that the overview can look back.
type span struct {
	Name, Title string
	length      time.Duration
	row         time.Duration // of the table
}

var spans = []span{
	{"day", "24 hours", 24 * time.Hour, time.Hour},
	{"week", "7 days", 7 * 24 * time.Hour, 24 * time.Hour},
	{"month", "30 days", 30 * 24 * time.Hour, 24 * time.Hour},
}

// newPlot draws points that are step apart.
func newPlot(id, title string, points []manage.Point, step time.Duration, s span) plot {
	v := plot{ID: id, Title: title}
	if len(points) == 0 || step <= 0 {
		return v
	}
	every := step
	for len(points) > plotPoints*int(every/step) {
		every += step
		for time.Hour%every != 0 && every%time.Hour != 0 {
			every += step
		}
	}
	drawn := together(points, every)
	v.Every = seconds(int(every / time.Second))
	v.Rows = together(points, s.row)
	v.From, v.To = points[0].At.UTC(), points[len(points)-1].At.Add(step).UTC()
	for _, p := range drawn {
		v.Total += p.Count
		v.Max = max(v.Max, p.Count)
	}
	v.draw(drawn)
	return v
}

// together adds up points within each step.
func together(points []manage.Point, step time.Duration) []plotRow {
	var rows []plotRow
	for _, p := range points {
		at := p.At.UTC().Truncate(step)
		if len(rows) == 0 || !rows[len(rows)-1].At.Equal(at) {
			rows = append(rows, plotRow{At: at})
		}
		rows[len(rows)-1].Count += p.Count
	}
	return rows
}

func (v *plot) draw(rows []plotRow) {
	top := max(v.Max, 1)
	between := float64(plotWidth) / float64(max(len(rows)-1, 1))
	var line strings.Builder
	for i, r := range rows {
		command := 'L'
		if i == 0 {
			command = 'M'
		}
		fmt.Fprintf(&line, "%c%.1f %.1f", command, float64(i)*between, 4+float64(plotHeight-4)*(1-float64(r.Count)/float64(top)))
	}
	v.Line = line.String()
	v.Area = v.Line + fmt.Sprintf("L%.1f %dL0 %dZ", float64(len(rows)-1)*between, plotHeight, plotHeight)
}
