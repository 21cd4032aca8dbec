package vecgate.jobs_test

test_a_nightly_job_writes_at_night if {
	refused("indexer", changing("upsert", "catalogue")) == set()
	refused("indexer", object.union(changing("upsert", "catalogue"), at(day))) == {"outside_hours"}
}

test_a_nightly_job_reads_by_day if {
	read := {"operation": {"action": "scroll", "probe": "none"}}
	refused("indexer", object.union(read, at(day))) == set()
}

test_a_snapshot_is_taken_at_night if {
	snapshot := {"operation": {"action": "snapshot_create", "scope": "collection", "selector": "none"}}
	refused("backup", snapshot) == set()
	refused("backup", object.union(snapshot, at(day))) == {"outside_hours"}
}

test_whoever_is_on_call_repairs_by_day if {
	repair := object.union(changing("upsert", "catalogue"), human)
	refused("oncall", object.union(repair, at(day))) == set()
}

test_the_indexer_writes_only_the_catalogue if {
	refused("indexer", changing("upsert", "catalogue-2027")) == set()
	refused("indexer", changing("upsert", "customers")) == {"place_not_granted"}
}

test_without_hours_it_is_never_night if {
	refused("indexer", changing("upsert", "catalogue")) == {"outside_hours"} with data.jobs.hours as null
}

test_without_the_list_nothing_is_allowed if {
	refused("indexer", changing("upsert", "catalogue")) == {"nightly_missing"} with data.jobs.nightly as null
}
