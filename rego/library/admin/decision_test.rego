package vecgate.admin_test

import data.vecgate.admin

approval := {"type": "approval", "approvers": ["role:dpo"]}

decided(grants, denials) := decision if {
	decision := admin.decision with admin.grants as grants
		with admin.denials as denials
		with input as asked({})
}

test_what_is_granted_and_not_denied_is_allowed if {
	decided({{"obligations": [approval]}}, set()) == {"allow": true, "obligations": {approval}}
	decided({{"acts": []}}, set()) == {"allow": true, "obligations": set()}
}

test_a_denial_wins_over_a_grant if {
	decided({{"acts": []}}, {"own_lock"}) == {"allow": false, "reasons": {"own_lock"}}
}

test_no_input_is_denied if {
	admin.decision == {"allow": false, "reasons": {"act_not_granted"}} with input as {}
}
