package vecgate.authz

# METADATA
# title: Beyond the tenant
# description: Collections, databases and the cluster are every tenant's, so a tenant changes none of them and copies none.
# custom:
#   remedy: Ask an operator who is exempt from tenancy to do it.
denials contains "beyond_tenant" if {
	bound
	input.operation.scope != "records"
	not input.operation.action in [
		"database_read",
		"describe_collection",
		"health",
		"list_collections",
		"meta",
		"user_read",
	]
}

# METADATA
# title: Shared collection
# description: A collection that holds every tenant's records alike is read by tenants, and not written.
# custom:
#   remedy: Write into a collection of the tenants' own, or ask an operator.
denials contains "shared_collection_read_only" if {
	bound
	some name in input.operation.writes
	named(name, data.vecgate.tenancy.shared)
}

# METADATA
# title: Foreign probe
# description: A search by the id of a record goes by its vector, which may be another tenant's.
# custom:
#   remedy: Search by a vector or by a text.
denials contains "tenant_probe_by_id" if {
	bound
	input.operation.probe == "id"
	not _shared_only
}

_shared_only if {
	count(touched) > 0
	every name in touched { named(name, data.vecgate.tenancy.shared) }
}
