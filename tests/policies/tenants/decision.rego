# METADATA
# title: Tenants
# description: |
#   For tests of row filters: a tenant sees and changes its own records that are not secret, and what it writes is stamped with
#   its name. A loader does what it likes; everybody else nothing.
package vecgate.authz

# METADATA
# title: Decision
# description: Two obligations on records for who has a tenant, none for the loader.
# entrypoint: true
decision := {"allow": true} if {
	"loader" in input.principal.roles
} else := {"allow": true, "obligations": [
	{"type": "filter", "where": {"type": "compound", "operator": "and", "value": [
		{"type": "field", "operator": "eq", "field": "tenant", "value": input.principal.claims.tenant},
		{"type": "field", "operator": "ne", "field": "secret", "value": true},
	]}},
	{"type": "stamp", "fields": {"tenant": input.principal.claims.tenant}},
]} if {
	input.operation.scope == "records"
} else := {"allow": true} if {
	input.principal.claims.tenant
} else := {"allow": false, "reasons": ["tenant_missing"]}
