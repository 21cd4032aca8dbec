package vecgate.authz

# METADATA
# title: Touched collections
# description: |
#   Every collection that the operation names, read or written. Empty where it names none, which may also mean that it
#   touches all of them.
touched := array.concat(input.operation.reads, input.operation.writes)

# METADATA
# title: Reading
# description: Whether the operation changes nothing.
reading if {
	input.operation.action in [
		"aggregate",
		"count",
		"database_read",
		"describe_collection",
		"get",
		"health",
		"list_collections",
		"meta",
		"query_group",
		"recommend",
		"scroll",
		"search",
		"user_read",
	]
}

# METADATA
# title: Reaching records
# description: Whether the operation reads, counts, changes or takes away records, one by one or by the collection.
# scope: document
reaches_records if input.operation.scope == "records"

reaches_records if input.operation.action in ["copy_collection", "export", "pipeline_change", "snapshot_read"]

# METADATA
# title: Named
# description: Whether a name is in a list of names, in which a final `*` stands for any rest.
# scope: document
named(name, patterns) if name in patterns

named(name, patterns) if {
	some pattern in patterns
	endswith(pattern, "*")
	startswith(name, trim_suffix(pattern, "*"))
}
