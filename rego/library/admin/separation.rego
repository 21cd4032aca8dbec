package vecgate.admin

# METADATA
# title: Own request
# description: Nobody decides the approval of what they asked for themselves.
# custom:
#   remedy: Ask another approver.
denials contains "own_request" if {
	input.act == "approval_decide"
	own
}

# METADATA
# title: Person unknown
# description: Without knowing both persons nobody can tell whether two are one.
# custom:
#   remedy: Have the identity provider put the claim that `identity.issuers[].person` names into the tokens of both.
denials contains "person_unknown" if {
	input.act == "approval_decide"
	not _both_known
}

# METADATA
# title: Human needed
# description: A program neither approves nor reveals.
# custom:
#   remedy: Log in as a person.
denials contains "human_needed" if {
	input.act in ["approval_decide", "mask_reveal"]
	input.principal.kind != "human"
}

# METADATA
# title: Own lock
# description: Who is locked does not unlock themselves.
# custom:
#   remedy: Ask another administrator.
denials contains "own_lock" if {
	input.act == "lock_change"
	own
}

# METADATA
# title: Own erasure
# description: Nobody erases what is on record of themselves.
# custom:
#   remedy: Ask another administrator.
denials contains "own_erasure" if {
	input.act == "erase"
	own
}

# METADATA
# title: Token beyond its issuer
# description: A token with a role that administers is issued only by who has that role.
# custom:
#   remedy: Leave the role out, or have someone issue the token who has it.
denials contains "token_beyond_issuer" if {
	input.act == "token_issue"
	some role in input.target.roles
	not role in input.principal.roles
	_administers(role)
}

_both_known if {
	is_string(input.principal.person)
	is_string(input.target.person)
}

_administers(role) if {
	some entry in data.vecgate.administration
	some name in entry.for
	startswith(name, "role:")
	trim_prefix(name, "role:") == role
}
