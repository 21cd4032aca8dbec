package vecgate.authz

import data.vecgate.who

# METADATA
# title: Limit
# description: An answer to one query holds no more records than the widest of the limits that are for the caller.
obligations contains {"type": "limit", "max": most} if {
	input.operation.scope == "records"
	not "unlimited" in _limits
	some most in _limits
	every other in _limits { other <= most }
}

# METADATA
# title: Limits incomplete
# description: No limit is for the caller, not even `unlimited`.
# custom:
#   remedy: Put an entry of `limits` into data.yaml that is for `everyone`, with a number of `records`.
denials contains "limits_incomplete" if {
	input.operation.scope == "records"
	count(_limits) == 0
}

_limits := [limit.records |
	some limit in data.vecgate.limits
	who.among(input.principal, limit.for)
	_is_limit(limit.records)
]

_is_limit("unlimited")

_is_limit(records) if is_number(records)
