# METADATA
# title: Obligations as told
# description: |
#   For tests of obligations: everything is allowed under the obligations that the caller's own token names. Nobody but a
#   test lets callers choose what holds for them.
package vecgate.authz

# METADATA
# title: Decision
# description: Every operation is allowed; those on records under the token's obligations.
# entrypoint: true
decision := {"allow": true, "obligations": input.principal.claims.obligations} if {
	input.operation.scope == "records"
} else := {"allow": true}
