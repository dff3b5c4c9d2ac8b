package store

import (
	"context"
	"sync/atomic"
	"time"
)

// RequestLimit is how long one request may wait for the database altogether. Requests are answered
// within 5 s, whatever state the database is in.
const RequestLimit = 4 * time.Second

// Budget is what is left of the time that one request may wait for the database.
type Budget struct{ left atomic.Int64 }

type budgetKey struct{}

// WithBudget returns a context for one request: all calls to the store made with it wait for at most
// RequestLimit altogether, whatever else the request waits for. A context that has a budget keeps it.
func WithBudget(ctx context.Context) context.Context {
	if BudgetOf(ctx) != nil {
		return ctx
	}
	b := &Budget{}
	b.left.Store(int64(RequestLimit))
	return context.WithValue(ctx, budgetKey{}, b)
}

// WithoutBudget returns a context for a call that has a deadline of its own, such as one that writes
// thousands of rows.
func WithoutBudget(ctx context.Context) context.Context {
	return context.WithValue(ctx, budgetKey{}, (*Budget)(nil))
}

// BudgetOf is the budget of the request that the context belongs to; nil where it has none.
func BudgetOf(ctx context.Context) *Budget {
	b, _ := ctx.Value(budgetKey{}).(*Budget)
	return b
}

// Left is how long the request may still wait; it can be negative.
func (b *Budget) Left() time.Duration { return time.Duration(b.left.Load()) }

// Spend takes from the budget what a call has waited.
func (b *Budget) Spend(d time.Duration) { b.left.Add(-int64(d)) }

// Bounded gives a wait its deadline: the context's own, or what is left of the request's budget, or
// RequestLimit. done takes from the budget what was spent.
func Bounded(ctx context.Context) (limited context.Context, done func()) {
	limit, budget := RequestLimit, BudgetOf(ctx)
	if budget != nil {
		limit = min(limit, budget.Left())
	} else if _, has := ctx.Deadline(); has {
		return ctx, func() {}
	}
	limited, cancel := context.WithTimeout(ctx, limit)
	if budget == nil {
		return limited, cancel
	}
	began := time.Now()
	return limited, func() {
		cancel()
		budget.Spend(time.Since(began))
	}
}
