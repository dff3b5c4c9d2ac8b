package pages

import "github.com/usher-id/usher/internal/admin/route"

// These go as soon as their own files have them.

func (p *Pages) sessionRoutes() []route.Route    { return nil }
func (p *Pages) delegationRoutes() []route.Route { return nil }
func (p *Pages) clientRoutes() []route.Route     { return nil }
func (p *Pages) accountRoutes() []route.Route    { return nil }
