package vecgate.admin_test

import data.vecgate.admin

separation(changes) := reasons if {
	reasons := admin.denials & own with input as asked(changes)
		with data.vecgate.administration as [{"acts": ["erase"], "for": ["group:staff", "role:platform-admin"]}]
}

own := {"own_request", "person_unknown", "human_needed", "own_erasure", "own_lock", "token_beyond_issuer"}

test_nobody_approves_their_own_request if {
	separation({"act": "approval_decide"}) == set()
	separation({"act": "approval_decide", "target": {"person": "ada@example.com"}}) == {"own_request"}
	separation({"act": "approval_read", "target": {"person": "ada@example.com"}}) == set()
}

test_two_unknown_persons_may_be_one if {
	separation({"act": "approval_decide", "target": {"person": null}}) == {"person_unknown"}
	separation({"act": "approval_decide", "principal": {"person": null}}) == {"person_unknown"}
}

test_a_program_neither_approves_nor_reveals if {
	separation({"act": "approval_decide", "principal": {"kind": "workload"}}) == {"human_needed"}
	"human_needed" in separation({"act": "mask_reveal", "principal": {"kind": "workload"}})
	separation({"act": "session_read", "principal": {"kind": "workload"}}) == set()
}

test_nobody_unlocks_themselves if {
	separation({"act": "lock_change"}) == set()
	separation({"act": "lock_change", "target": {"person": "ada@example.com"}}) == {"own_lock"}
	separation({"act": "lock_change", "target": {"id": "i#ada", "person": null}}) == {"own_lock"}
}

test_nobody_erases_their_own_traces if {
	separation({"act": "erase"}) == set()
	separation({"act": "erase", "target": {"person": "ada@example.com"}}) == {"own_erasure"}
	separation({"act": "erase", "target": {"id": "i#ada", "person": null}}) == {"own_erasure"}
	separation({"act": "session_read", "target": {"person": "ada@example.com"}}) == set()
}

test_a_token_is_not_above_who_issues_it if {
	separation({"act": "token_issue", "target": {"roles": ["reader", "staff"]}}) == set()
	administrator := {"act": "token_issue", "target": {"roles": ["platform-admin"]}}
	separation(administrator) == {"token_beyond_issuer"}
	separation(object.union(administrator, {"principal": {"roles": ["platform-admin"]}})) == set()
}
