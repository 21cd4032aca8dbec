package vecgate.jobs_test

test_a_person_is_no_program if {
	refused("indexer", object.union(changing("upsert", "catalogue"), human)) == {"program_needed"}
	refused("indexer", changing("upsert", "catalogue")) == set()
}

test_a_program_is_no_person if {
	refused("developer", {}) == {"human_needed"}
	refused("developer", human) == set()
}

test_without_the_lists_nothing_is_allowed if {
	refused("developer", human) == {"callers_incomplete"} with data.jobs.programs as null
	refused("developer", human) == {"callers_incomplete"} with data.jobs.people as null
}

test_a_developer_looks_and_whoever_is_on_call_repairs if {
	repair := object.union(changing("update_payload", "catalogue"), human)
	refused("developer", repair) == {"action_not_granted"}
	refused("oncall", repair) == set()
}
