package vecgate.knowledge_test

import data.vecgate.authz

test_health_is_for_physicians if {
	refused("physician", of("health-cases")) == set()
	refused("employee", of("health-cases")) == {"place_not_granted"}
	refused("personnel", of("health-cases")) == {"place_not_granted"}
}

test_personnel_is_for_the_department if {
	refused("personnel", of("personnel-2026")) == set()
	refused("physician", of("personnel-2026")) == {"place_not_granted"}
}

test_what_is_regulated_is_read_inside if {
	outside := {"context": {"source": "10.2.0.1"}}
	refused("physician", object.union(of("health-cases"), outside)) == {"outside_network"}
	refused("physician", object.union(of("handbook"), outside)) == set()
	refused("physician", object.union(of("health-cases"), {"context": {"source": "fd00:20::7"}})) == set()
}

test_what_is_regulated_is_read_by_known_people if {
	unknown := {"principal": {"person": null}}
	refused("physician", object.union(of("health-cases"), unknown)) == {"person_unknown"}
	refused("employee", unknown) == set()
}

test_a_program_has_no_person if {
	upsert := {"action": "upsert", "reads": [], "writes": ["health-cases"], "selector": "ids", "probe": "none"}
	refused("pipeline", {"principal": {"kind": "workload", "person": null}, "operation": upsert}) == set()
}

test_what_is_regulated_is_recorded if {
	recorded in obliged("personnel", of("personnel-2026"))
	not recorded in obliged("employee", {})
}

test_what_names_no_collection_may_touch_them if {
	authz.regulated with input as asked("steward", {"operation": {"reads": [], "writes": []}})
}

masked(role, collection, field) if {
	some obligation in obliged(role, of(collection))
	obligation.type == "mask"
	field in obligation.fields
}

test_each_sees_the_classes_of_the_job if {
	masked("employee", "handbook", "email")
	masked("employee", "handbook", "diagnosis")
	not masked("personnel", "personnel-2026", "email")
	masked("personnel", "personnel-2026", "diagnosis")
	not masked("physician", "health-cases", "diagnosis")
}

test_nobody_sees_secrets if {
	every role in ["employee", "personnel", "physician"] { masked(role, "handbook", "password") }
}

test_without_the_list_of_regulated_collections_nothing_is_allowed if {
	refused("employee", {}) == {"regulated_missing"} with data.knowledge.regulated as null
	refused("employee", {}) == set()
}
