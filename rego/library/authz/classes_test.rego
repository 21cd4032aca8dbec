package vecgate.authz_test

import data.vecgate.authz

email := {"type": "mask", "fields": ["email"], "with": "redact"}

key := {"type": "mask", "fields": ["api_key"], "with": "drop"}

vectors := {"type": "vectors", "return": false}

classes := {
	"personal": {"seen_by": ["role:hr", "group:payroll"], "hides": [email]},
	"secrets": {"seen_by": [], "hides": [key]},
	"public": {"seen_by": ["everyone"], "hides": [vectors]},
}

hidden_from(changes) := obligations if {
	obligations := authz.obligations & {email, key, vectors} with input as asked(changes)
		with data.vecgate.classes as classes
}

test_a_class_is_hidden_from_whoever_does_not_see_it if {
	hidden_from({}) == {email, key}
	hidden_from({"principal": {"roles": ["hr"]}}) == {key}
	hidden_from({"principal": {"groups": ["payroll"]}}) == {key}
}

test_a_class_that_nobody_is_named_for_is_hidden_from_all if {
	hidden := authz.hidden with input as caller({"roles": ["hr"]})
		with data.vecgate.classes as {"personal": {"hides": [email]}}
	hidden == ["personal"]
}

test_what_returns_nothing_is_masked_too if {
	every action in ["count", "delete_records", "upsert"] {
		hidden_from({"operation": {"action": action}}) == {email, key}
	}
}

test_copies_are_masked_and_descriptions_are_not if {
	hidden_from({"operation": {"action": "copy_collection", "scope": "collection"}}) == {email, key}
	hidden_from({"operation": {"action": "describe_collection", "scope": "collection"}}) == set()
}

test_who_sees_a_class_sees_what_is_hidden_from_others if {
	authz.sees_hidden with input as caller({"roles": ["hr"]}) with data.vecgate.classes as classes
	not authz.sees_hidden with input as asked({}) with data.vecgate.classes as classes
}

incomplete(value) if "classes_incomplete" in authz.denials with input as asked({}) with data.vecgate.classes as value

test_classes_that_do_not_say_what_they_hide_deny if {
	every value in [null, [], "none", {"personal": {"seen_by": []}}, {"personal": {"hides": "email"}}] { incomplete(value) }
}

test_no_classes_are_an_answer if {
	not incomplete({})
	not incomplete(classes)
}
