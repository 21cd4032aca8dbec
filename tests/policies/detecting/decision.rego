# METADATA
# title: Searched reads
# description: |
#   For measurements: everything is allowed, two fields are masked, five kinds of values are looked for in texts, and a decision
#   holds for as long as the starter policy's do.
package vecgate.authz

# METADATA
# title: Decision
# description: Every operation is allowed under one mask and one search.
# entrypoint: true
decision := {
	"allow": true,
	"obligations": [
		{"type": "mask", "fields": ["email", "ssn"], "with": "redact"},
		{
			"type": "detect",
			"entities": ["CREDIT_CARD", "EMAIL_ADDRESS", "IP_ADDRESS", "PHONE_NUMBER", "US_SSN"],
			"fields": ["document"],
			"with": "redact",
		},
	],
	"cache": {"ttl": "30s"},
}
