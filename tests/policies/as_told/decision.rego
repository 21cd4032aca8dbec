# METADATA
# title: Obligations as told
# description: |
#   For tests of obligations: everything is allowed under the obligations that the caller's own token names. Nobody but a
#   test lets callers choose what holds for them.
package vecgate.authz

# METADATA
# title: Decision
# description: Every operation is allowed, those that the token's obligations hold for under these.
# entrypoint: true
decision := {"allow": true, "obligations": input.principal.claims.obligations} if {
	obliged
} else := {"allow": true}

# METADATA
# title: Obliged
# description: Obligations hold for operations on records; for all others too if the token says so.
obliged if input.operation.scope == "records"

obliged if input.principal.claims.everywhere
