package pages

import "github.com/usher-id/usher/internal/admin/route"

func (p *Pages) auditRoutes() []route.Route         { return nil }
func (p *Pages) changeRoutes() []route.Route        { return nil }
func (p *Pages) authenticatorRoutes() []route.Route { return nil }
func (p *Pages) keyRoutes() []route.Route           { return nil }
func (p *Pages) operatorRoutes() []route.Route      { return nil }
func (p *Pages) fileRoutes() []route.Route          { return nil }
func (p *Pages) settingRoutes() []route.Route       { return nil }
