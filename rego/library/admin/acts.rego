package vecgate.admin

import data.vecgate.who

# METADATA
# title: Grants
# description: |
#   The entries of `administration` that grant the act. One that says `own: true` does so only for what concerns the caller
#   alone: the own approvals, sessions and decisions. One with a member that is unknown grants nothing.
grants contains entry if {
	some entry in data.vecgate.administration
	input.act in entry.acts
	who.among(input.principal, entry.for)
	count(object.remove(entry, ["acts", "for", "own", "obligations"])) == 0
	_reaches(entry)
}

# METADATA
# title: Act not granted
# description: Nobody has given the caller this act, or only on what is the caller's own.
# custom:
#   remedy: Add the act to an entry of `administration` in data.yaml that is for the caller.
denials contains "act_not_granted" if count(grants) == 0

# METADATA
# title: Obligations of a grant
# description: What the entries that grant the act ask for; all of it holds.
obligations contains obligation if {
	some entry in grants
	some obligation in entry.obligations
}

# METADATA
# title: Own
# description: |
#   Whether the act concerns the caller. By the person where both are known, so that one's second account is oneself; by the
#   id of the principal else.
# scope: document
own if {
	is_string(input.principal.person)
	input.target.person == input.principal.person
}

own if input.target.id == input.principal.id

_reaches(entry) if not entry.own

_reaches(_) if own
