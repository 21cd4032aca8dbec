package vecgate.authz

import data.vecgate.who

# METADATA
# title: Tenant
# description: The tenant in whose name the caller acts, from the claim that data.yaml names; a text that is not empty.
tenant := value if {
	value := object.get(input.principal.claims, data.vecgate.tenancy.claim, null)
	is_string(value)
	value != ""
}

# METADATA
# title: Bound
# description: Whether the caller is bound to a tenant. Where tenants are kept apart, all are but those who are exempt.
bound if {
	data.vecgate.tenancy != "none"
	not _exempt
}

# METADATA
# title: Own records
# description: A tenant reads, counts, changes and deletes its own records alone.
obligations contains {"type": "filter", "where": _own} if {
	reaches_records
	bound
	not _shared_only
}

# METADATA
# title: Stamped records
# description: What a tenant writes is its own, whatever was sent.
obligations contains {"type": "stamp", "fields": {data.vecgate.tenancy.field: tenant}} if {
	reaches_records
	not reading
	bound
}

# METADATA
# title: Tenant missing
# description: The caller is bound to a tenant, and the token names none.
# custom:
#   remedy: Have the identity provider put the tenant into the claim that `tenancy.claim` names.
denials contains "tenant_missing" if {
	bound
	not tenant
}

# METADATA
# title: Tenancy incomplete
# description: Data without `tenancy`, or with half of it, would keep nobody apart.
# custom:
#   remedy: Give `tenancy` in data.yaml a `claim`, a `field`, and lists `exempt` and `shared`; that there are no tenants is `none`.
denials contains "tenancy_incomplete" if not _tenancy_told

_exempt if who.among(input.principal, data.vecgate.tenancy.exempt)

_own := {"type": "field", "operator": "eq", "field": data.vecgate.tenancy.field, "value": tenant}

_tenancy_told if data.vecgate.tenancy == "none"

_tenancy_told if {
	data.vecgate.tenancy.claim
	is_string(data.vecgate.tenancy.field)
	is_array(data.vecgate.tenancy.exempt)
	is_array(data.vecgate.tenancy.shared)
}
