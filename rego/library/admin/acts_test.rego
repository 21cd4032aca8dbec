package vecgate.admin_test

import data.vecgate.admin

administration := [
	{"acts": ["session_read", "erase"], "for": ["role:keeper"]},
	{"acts": ["session_read", "explain"], "for": ["everyone"], "own": true, "obligations": [approval]},
]

refused(changes) if {
	"act_not_granted" in admin.denials with input as asked(changes) with data.vecgate.administration as administration
}

test_an_entry_grants_its_acts_to_whom_it_is_for if {
	not refused({})
	refused({"principal": {"roles": ["reader"]}})
	refused({"act": "policy_read"})
}

test_an_own_entry_is_for_what_is_ones_own if {
	rita := {"principal": {"roles": ["reader"], "person": "rita@example.com"}}
	not refused(rita)
	refused(object.union(rita, {"target": {"person": "omar@example.com"}}))
	refused(object.union(rita, {"act": "erase"}))
}

test_without_a_person_one_is_known_by_id if {
	job := {"principal": {"id": "i#job", "roles": [], "person": null}, "act": "explain"}
	not refused(object.union(job, {"target": {"id": "i#job", "person": null}}))
	refused(object.union(job, {"target": {"id": "i#other", "person": null}}))
}

test_all_that_grants_asks_for_its_obligations if {
	obligations := admin.obligations with input as asked({"target": {"person": "ada@example.com"}})
		with data.vecgate.administration as administration
	obligations == {approval}
}

test_an_entry_that_is_misspelt_grants_nothing if {
	"act_not_granted" in admin.denials with input as asked({})
		with data.vecgate.administration as [object.union(administration[0], {"owm": true})]
	not "act_not_granted" in admin.denials with input as asked({})
		with data.vecgate.administration as [administration[0]]
}

test_without_administration_nobody_may_anything if {
	every value in [null, [], {}, "everyone"] {
		"act_not_granted" in admin.denials with input as asked({}) with data.vecgate.administration as value
	}
}
