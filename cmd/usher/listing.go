package main

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/usher-id/usher/internal/manage"
)

// listing is a list that is read and printed page by page, so that a long one costs no more memory than a short one.
type listing[T any] struct {
	heading []string
	row     func(T) []string
	// view is what --json shows of an item; the item itself where nil.
	view func(T) any
	page func(cursor string, limit int) (manage.Page[T], error)
}

// mostListed is how many items a list has unless more are asked for.
const mostListed = 100

// listLimit is how much of a list is wanted.
type listLimit struct {
	most int // 0 for all
	all  bool
}

// limitFlags adds --limit and --all.
func limitFlags(cmd *cobra.Command) *listLimit {
	l := &listLimit{}
	cmd.Flags().IntVar(&l.most, "limit", mostListed, "print at most so many; 0 for all")
	cmd.Flags().BoolVar(&l.all, "all", false, "print all, page by page")
	cmd.MarkFlagsMutuallyExclusive("limit", "all")
	return l
}

// count is how many items are wanted; 0 for all.
func (l *listLimit) count() int {
	if l.all {
		return 0
	}
	return l.most
}

// printList prints as many items as are wanted. Where there are more, it says so on standard error.
func printList[T any](s *storage, cmd *cobra.Command, wanted *listLimit, l listing[T]) error {
	limit := wanted.count()
	if limit < 0 {
		return fmt.Errorf("--limit %d: give a number, or 0 for all", limit)
	}
	out := listWriter{w: cmd.OutOrStdout(), asJSON: s.asJSON, heading: l.heading}
	cursor, left := "", limit
	for {
		size := manage.MaxPage
		if limit > 0 {
			size = min(size, left)
		}
		page, err := l.page(cursor, size)
		if err != nil {
			return err
		}
		for _, item := range page.Items {
			if err := out.add(l.row(item), l.shown(item)); err != nil {
				return err
			}
		}
		if err := out.endPage(); err != nil {
			return err
		}
		left -= len(page.Items)
		if cursor = page.Next; cursor == "" || limit > 0 && left <= 0 {
			break
		}
	}
	if cursor != "" {
		fmt.Fprintf(cmd.ErrOrStderr(), "these are the first %d, and there are more: see them with --all, or with a larger --limit\n", limit)
	}
	return out.close()
}

func (l listing[T]) shown(item T) any {
	if l.view == nil {
		return item
	}
	return l.view(item)
}

// listWriter writes a JSON array item by item, or a table page by page; a page's columns are as wide as it needs.
type listWriter struct {
	w       io.Writer
	asJSON  bool
	heading []string
	rows    [][]string
	begun   bool
}

func (l *listWriter) add(row []string, item any) error {
	if !l.asJSON {
		l.rows = append(l.rows, row)
		return nil
	}
	before := ",\n  "
	if !l.begun {
		before, l.begun = "[\n  ", true
	}
	text, err := json.MarshalIndent(item, "  ", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(l.w, "%s%s", before, text)
	return err
}

func (l *listWriter) endPage() error {
	if l.asJSON {
		return nil
	}
	if !l.begun {
		l.rows, l.begun = append([][]string{l.heading}, l.rows...), true
	}
	err := table(l.w, l.rows)
	l.rows = nil
	return err
}

func (l *listWriter) close() error {
	if !l.asJSON {
		return nil
	}
	end := "\n]\n"
	if !l.begun {
		end = "[]\n"
	}
	_, err := io.WriteString(l.w, end)
	return err
}
