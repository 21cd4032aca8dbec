# METADATA
# title: Administration of the gateway
# description: |
#   One act is decided at a time, and what is not granted is denied. As in vecgate.authz, the files only add to `grants`,
#   `denials` and `obligations`; a denial wins. Who may do what is data: see `administration` in data.yaml.
# schemas:
#   - input: schema.admin_input
package vecgate.admin

# METADATA
# title: Allow
# description: Whether something grants the act and nothing speaks against it.
# scope: document
default allow := false

allow if {
	count(grants) > 0
	count(denials) == 0
}

# METADATA
# title: Decision
# description: What the gateway asks for before it does the act. It is never decided from memory.
# entrypoint: true
decision := {
	"allow": true,
	"obligations": obligations,
} if {
	allow
} else := {
	"allow": false,
	"reasons": denials,
}
