package vecgate.knowledge_test

test_people_read_what_is_for_them if {
	for_berlin := {"type": "field", "operator": "in", "field": "audience", "value": ["everyone", "berlin"]}
	{"type": "filter", "where": for_berlin} in obliged("employee", {})
	{"type": "filter", "where": for_berlin} in obliged("physician", of("health-cases"))
}

test_who_is_in_no_group_reads_what_is_for_everyone if {
	for_all := {"type": "field", "operator": "in", "field": "audience", "value": ["everyone"]}
	{"type": "filter", "where": for_all} in obliged("employee", {"principal": {"groups": []}})
}

test_the_pipeline_writes_for_every_audience if {
	upsert := {"action": "upsert", "reads": [], "writes": ["handbook"], "selector": "ids", "probe": "none"}
	count({each | some each in obliged("pipeline", {"operation": upsert}); each.type == "filter"}) == 0
}

test_without_the_list_everybody_has_an_audience if {
	filters := {each | some each in obliged("pipeline", {"operation": {"action": "scroll"}}); each.type == "filter"} with data.knowledge.all_audiences as null
	count(filters) == 1
}
