package vecgate.authz

import data.vecgate.who

# METADATA
# title: Bulk deletion
# description: Records are deleted by a filter, all of them or many at once, or with their collection.
# custom:
#   remedy: Delete fewer records and name them by their ids, or ask someone whom `high_risk.bulk_delete` is for.
denials contains "bulk_delete_restricted" if {
	_bulk_delete
	_restricted("bulk_delete")
}

# METADATA
# title: All records
# description: A whole collection is paged through or changed, not searched.
# custom:
#   remedy: Search, filter or name ids, or ask someone whom `high_risk.select_all` is for.
denials contains "select_all_restricted" if {
	input.operation.scope == "records"
	input.operation.selector == "all"
	input.operation.probe == "none"
	not input.operation.action in ["aggregate", "count"]
	_restricted("select_all")
}

# METADATA
# title: Change of a schema
# description: A collection, an alias, an index, a partition, a pipeline or a database is made, changed or copied.
# custom:
#   remedy: Ask someone whom `high_risk.schema_change` is for.
denials contains "schema_change_restricted" if {
	input.operation.action in [
		"alias_change",
		"alter_collection",
		"cluster_admin",
		"collection_state",
		"copy_collection",
		"create_collection",
		"database_change",
		"index_change",
		"partition_change",
		"pipeline_change",
	]
	_restricted("schema_change")
}

# METADATA
# title: Export
# description: Records leave in bulk.
# custom:
#   remedy: Ask someone whom `high_risk.export` is for.
denials contains "export_restricted" if {
	input.operation.action == "export"
	_restricted("export")
}

# METADATA
# title: Snapshot
# description: A snapshot, which holds everything, is made, read, deleted or put back.
# custom:
#   remedy: Ask someone whom `high_risk.snapshot` is for.
denials contains "snapshot_restricted" if {
	input.operation.action in ["snapshot_create", "snapshot_delete", "snapshot_read", "snapshot_restore"]
	_restricted("snapshot")
}

# METADATA
# title: Over-size query
# description: A query asks for more than is usual, for one of its measures.
# custom:
#   remedy: Ask for less at a time, or ask someone whom `high_risk.oversize_query` is for.
denials contains "oversize_query_restricted" if {
	reading
	_restricted("oversize_query")
	not _usual
}

# What no role grants is denied for that alone.
_restricted(kind) if {
	count(grants) > 0
	not _trusted(kind)
}

_trusted(kind) if who.among(input.principal, data.vecgate.high_risk[kind].for)

_bulk_delete if input.operation.action == "delete_collection"

_bulk_delete if {
	input.operation.action == "delete_records"
	not _few_by_id
}

_few_by_id if {
	input.operation.selector == "ids"
	input.operation.ids <= data.vecgate.high_risk.bulk_delete.ids
}

# Each measure must be there and be kept, so that one that is missing restricts.
_usual if {
	most := data.vecgate.high_risk.oversize_query
	input.operation.batch.count <= most.queries
	input.operation.size <= most.bytes
	_at_most(input.operation.limit, most.records)
	_at_most(input.operation.offset, most.offset)
}

_at_most(null, most) if is_number(most)

_at_most(asked, most) if {
	is_number(asked)
	asked <= most
}
