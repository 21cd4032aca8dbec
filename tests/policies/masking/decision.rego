# METADATA
# title: Masked reads
# description: |
#   For measurements: everything is allowed, e-mail addresses, social security numbers and texts are masked, and a decision
#   holds for as long as the starter policy's do.
package vecgate.authz

# METADATA
# title: Decision
# description: Every operation is allowed under one mask.
# entrypoint: true
decision := {
	"allow": true,
	"obligations": [{"type": "mask", "fields": ["email", "ssn", "document"], "with": "redact"}],
	"cache": {"ttl": "30s"},
}
