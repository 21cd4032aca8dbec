# METADATA
# title: Authorization of database operations
# description: |
#   One operation is decided at a time, and what is not granted is denied. The files of this package only add to three
#   sets: `grants` (roles that grant the operation), `denials` (reasons against it) and `obligations` (what must be done
#   for it). Here they become one decision; a denial wins. What the rules look up is data, see data.yaml, and a section of
#   it that is missing or half there is a denial of everything.
# schemas:
#   - input: schema.input
package vecgate.authz

# METADATA
# title: Allow
# description: Whether some role grants the operation and nothing speaks against it.
# scope: document
default allow := false

allow if {
	count(grants) > 0
	count(denials) == 0
}

# METADATA
# title: Decision
# description: What the gateway asks for. Only an allowed read is decided from memory.
# entrypoint: true
decision := {
	"allow": true,
	"obligations": obligations,
	"cache": data.vecgate.cache,
} if {
	allow
	reading
} else := {
	"allow": true,
	"obligations": obligations,
} if {
	allow
} else := {
	"allow": false,
	"reasons": denials,
}
