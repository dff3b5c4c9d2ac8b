package scim

import (
	"net/http"
	"strings"

	"github.com/usher-id/usher/internal/admin/route"
	"github.com/usher-id/usher/internal/manage"
	"github.com/usher-id/usher/internal/store"
)

// serviceProviderConfig says what is offered (RFC 7643 §5, RFC 9865 §4).
func (s *Service) serviceProviderConfig(c *route.Call) error {
	yes, no := object{"supported": true}, object{"supported": false}
	return answer(c.W, http.StatusOK, object{
		"schemas":          []string{"urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"},
		"documentationUri": s.AdminURL + "/admin/api",
		"patch":            yes,
		"bulk":             object{"supported": false, "maxOperations": 0, "maxPayloadSize": 0},
		"filter":           object{"supported": true, "maxResults": manage.MaxPage},
		"changePassword":   yes,
		"sort":             no,
		"etag":             yes,
		"pagination": object{
			"cursor": true, "index": true, "defaultPaginationMethod": "index", "defaultPageSize": defaultCount, "maxPageSize": manage.MaxPage,
		},
		"authenticationSchemes": []object{{
			"type": "oauthbearertoken", "name": "OAuth Bearer Token", "primary": true,
			"description": "An access token of this server with the scope usher.admin, or usher.read to look only (RFC 6750).",
			"specUri":     "https://www.rfc-editor.org/info/rfc6750",
		}},
		"meta": object{"resourceType": "ServiceProviderConfig", "location": s.AdminURL + Prefix + "/ServiceProviderConfig"},
	})
}

func (s *Service) userType() object {
	return object{
		"schemas": []string{"urn:ietf:params:scim:schemas:core:2.0:ResourceType"},
		"id":      "User", "name": "User", "endpoint": "/Users", "description": "An account", "schema": schemaUser,
		"meta": object{"resourceType": "ResourceType", "location": s.AdminURL + Prefix + "/ResourceTypes/User"},
	}
}

func (s *Service) userSchema() object {
	return object{
		"schemas": []string{"urn:ietf:params:scim:schemas:core:2.0:Schema"},
		"id":      schemaUser, "name": "User", "description": "An account", "attributes": userAttributes,
		"meta": object{"resourceType": "Schema", "location": s.AdminURL + Prefix + "/Schemas/" + schemaUser},
	}
}

func (s *Service) resourceTypes(c *route.Call) error { return onlyOne(c, s.userType()) }

func (s *Service) schemas(c *route.Call) error { return onlyOne(c, s.userSchema()) }

// onlyOne answers with a list of one. To filter it is forbidden (RFC 7644 §4).
func onlyOne(c *route.Call, one object) error {
	if c.R.URL.Query().Has("filter") {
		return &scimError{Status: http.StatusForbidden, Detail: "This list has no filter."}
	}
	n := 1
	return answer(c.W, http.StatusOK, listResponse{Schemas: []string{schemaList}, Total: &n, PerPage: 1, Start: 1, Resources: []object{one}})
}

func (s *Service) resourceType(c *route.Call) error {
	if c.R.PathValue("id") != "User" {
		return store.ErrNotFound
	}
	return answer(c.W, http.StatusOK, s.userType())
}

func (s *Service) schema(c *route.Call) error {
	if !strings.EqualFold(c.R.PathValue("id"), schemaUser) {
		return store.ErrNotFound
	}
	return answer(c.W, http.StatusOK, s.userSchema())
}
